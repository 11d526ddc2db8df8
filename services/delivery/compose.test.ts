import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { ContentSchema } from "#gen/carillon/common/v1/common_pb.ts";
import { DeliverySchema } from "#gen/carillon/event/v1/event_pb.ts";
import { compose } from "./compose.ts";

const from = { name: "Carillon", address: "hello@mail.example.test" };
const composed = (content: MessageInitShape<typeof ContentSchema>, target = "ann@example.test") =>
  compose(
    create(DeliverySchema, {
      deliveryId: "d-1",
      notificationId: "n-1",
      target,
    }),
    create(ContentSchema, content),
    from,
    0,
  );

describe("a delivery as a mail", () => {
  it("carries title, text and HTML, and ids by which a repeat is recognised", () => {
    expect(composed({ title: "Hello", body: "Text", html: "<p>Html</p>" })).toEqual({
      ...{ from, to: "ann@example.test", subject: "Hello", text: "Text", html: "<p>Html</p>", messageId: "<d-1@mail.example.test>" },
      headers: { "Auto-Submitted": "auto-generated", "X-Carillon-Notification": "n-1", "X-Carillon-Delivery": "d-1" },
      date: new Date(0),
    });
  });

  it("without HTML has no HTML part", () => {
    expect(composed({ title: "Hello", body: "Text" })).not.toHaveProperty("html");
  });

  it("without a body says in its text what the HTML says: words, links and lists, no scripts or styles", () => {
    const html =
      "<style>p{color:red}</style><h1>Paid</h1><p>Your payment &amp; receipt:<br><a href='https://example.test/r'>look</a></p>" +
      "<ul><li>one</li><li>two</li></ul><script>alert(1)</script>";
    expect(composed({ title: "T", html })).toMatchObject({
      text: "Paid\n\nYour payment & receipt:\nlook <https://example.test/r>\n\n * one\n * two",
    });
  });

  it("without a title takes the first line of its text, cut and without control characters", () => {
    expect(composed({ body: "\n  First\tline \r\nSecond" })).toMatchObject({ subject: "First line" });
    expect((composed({ body: "x".repeat(200) }) as { subject: string }).subject).toHaveLength(78);
    expect(composed({ html: "<img src='cid:x'>" })).toMatchObject({ subject: "Notification" });
  });

  it.each(["a\r\nBcc: x@example.test", "a\nb", "a\rb", "a\0b"])("refuses a title of more than one line: %j", (title) => {
    expect(composed({ title })).toEqual({ unsendable: "invalid", detail: "content.title must be one line" });
  });

  it.each(["", "ann", "a@example.test, b@example.test", "a@example.test\r\nRCPT TO:<b@example.test>", "Ann <a@example.test>"])(
    "refuses a target that is not one address: %j",
    (target) => {
      expect(composed({ title: "T" }, target)).toMatchObject({ unsendable: "invalid" });
    },
  );
});
