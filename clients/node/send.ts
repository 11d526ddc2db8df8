/** A client in ten lines: sends one notification to ann and prints its id. `npm run example` runs it, also where Node is not 22. */
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { IngestService } from "#gen/carillon/ingest/v1/ingest_pb.ts";

const [baseUrl = "http://localhost:8080"] = process.argv.slice(2);
const ingest = createClient(IngestService, createConnectTransport({ baseUrl, httpVersion: "1.1" }));
const content = { title: "Bo liked your post", body: "Have a look." };
const { notificationId } = await ingest.send({ recipients: [{ userId: "ann" }], eventType: "post.liked", actor: "bo", content });
console.log(notificationId);
