/** The media type of JSON bodies: application/json, which is UTF-8 (RFC 8259). A charset that is anything else is refused, not guessed. */
export function isJson(contentType: string | null): boolean {
  const [type = "", ...parameters] = (contentType ?? "").toLowerCase().split(";");
  const isUtf8 = (parameter: string) => {
    const [name = "", value = ""] = parameter.split("=");
    return name.trim() !== "charset" || /^"?utf-?8"?$/.test(value.trim());
  };
  return type.trim() === "application/json" && parameters.every(isUtf8);
}
