/** The setting that names the sites whose pages may open the gateway, each as a browser names it: scheme, host, and port where it is no usual one. */
import { list } from "#platform/config/fields.ts";

const isOrigin = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).origin === text;

export const allowedOrigins = list()
  .refine((origins) => origins.every(isOrigin), { error: "must be origins like https://shop.example, separated by commas, without a path" })
  .default([])
  .meta({
    description:
      "Sites whose pages may open the gateway, like https://shop.example. Pages of the very host that it is called by always may; " +
      "in development those of this machine's Carillon too.",
  });
