/** What filling in a typical email costs: subject, text and HTML of an order with ten items, compiled before. */
import { create } from "@bufbuild/protobuf";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { SourceSchema } from "#gen/carillon/templates/v1/templates_pb.ts";
import { compileSource } from "#platform/render/source.ts";

const ROUNDS = 20_000;
const WARM_UP = 5_000;

const html = `<!doctype html><html><body style="font-family:sans-serif">
<h1>Thank you, {{customer.name}}!</h1>
<p>Your order <b>{{order.id}}</b> of {{order.date}} is on its way{{#if order.express}} by express{{else}} by post{{/if}}.</p>
<table>
  {{#each order.items}}
  <tr{{#if @first}} class="first"{{/if}}><td>{{@index}}</td><td>{{title}}</td><td>{{count}} x {{price}} {{../order.currency}}</td></tr>
  {{else}}
  <tr><td>Nothing</td></tr>
  {{/each}}
</table>
<p>Total: {{order.total}} {{order.currency}}</p>
<p>We send it to {{customer.street}}, {{customer.city}}. <a href="{{order.link}}">Follow your parcel</a></p>
${"<p style='color:#777'>You get this message because you bought something in our shop. Do not answer it, nobody reads it.</p>\n".repeat(10)}
</body></html>`;
const body =
  "Thank you, {{customer.name}}!\n{{#each order.items}}\n- {{count}} x {{title}}\n{{/each}}\nTotal: {{order.total}} {{order.currency}}";

const source = create(SourceSchema, {
  defaultLocale: "en",
  contents: [{ channel: Channel.EMAIL, locale: "en", title: "Order {{order.id}} of {{order.total}} {{order.currency}}", body, html }],
});

const data = {
  customer: { name: "Ann O'Hara", street: "Main Street 5", city: "Springfield & Son" },
  order: {
    ...{ id: "ORD-12345", date: "2026-11-21", total: 99.9, currency: "EUR", express: true, link: "https://example.test/p?a=1&b=2" },
    items: Array.from({ length: 10 }, (_, n) => ({ title: `Thing <no. ${n}>`, count: n + 1, price: 9.99 })),
  },
};

/** Microseconds a mail. */
export function renderCost(): number {
  const compiled = compileSource(source);
  const fill = () => compiled.fill(Channel.EMAIL, "en-GB", data).content.html.length;
  let written = 0;
  for (let round = 0; round < WARM_UP; round++) written += fill();
  const startedMs = performance.now();
  for (let round = 0; round < ROUNDS; round++) written += fill();
  const us = ((performance.now() - startedMs) * 1_000) / ROUNDS;
  if (written !== (ROUNDS + WARM_UP) * fill()) throw new Error("the same mail came out in different lengths");
  return us;
}
