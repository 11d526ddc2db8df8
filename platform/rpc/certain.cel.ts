/**
 * The part of CEL that rules on text are written in: `this`, its text fields, `==` and `!=` with a literal, `contains`, `matches`, `!`, `&&`
 * and `||`. Everything else is left to the validator.
 */
import { type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { matches } from "./patterns.ts";

type Check = (value: unknown) => boolean;

const TOKEN = /\s*(?:(\|\||&&|==|!=|!|\.|\(|\))|([a-z_][a-z0-9_]*)|'((?:[^'\\]|\\.)*)')/gy;

class Unknown extends Error {}

/** `desc`: of `this` where it is a message. Undefined where there is anything else in the expression. */
export function celCheck(expression: string, desc: DescMessage | undefined): Check | undefined {
  try {
    return new Parser(expression, desc).whole();
  } catch (error) {
    if (error instanceof Unknown) return undefined;
    throw error;
  }
}

/** An operator, a word, or a literal. */
type Token = readonly [string | undefined, string | undefined, string | undefined];

class Parser {
  readonly #tokens: readonly Token[];
  readonly #desc: DescMessage | undefined;
  #at = 0;

  constructor(expression: string, desc: DescMessage | undefined) {
    const found = [...expression.matchAll(TOKEN)];
    if (found.map(([text]) => text).join("") !== expression.trimEnd()) throw new Unknown();
    this.#tokens = found.map(([, operator, word, literal]) => [operator, word, literal]);
    this.#desc = desc;
  }

  whole(): Check {
    const check = this.#either();
    if (this.#at < this.#tokens.length) throw new Unknown();
    return check;
  }

  #either(): Check {
    const left = this.#both();
    if (!this.#take("||")) return left;
    const right = this.#either();
    return (value) => left(value) || right(value);
  }

  #both(): Check {
    const left = this.#one();
    if (!this.#take("&&")) return left;
    const right = this.#both();
    return (value) => left(value) && right(value);
  }

  #one(): Check {
    if (this.#take("!")) {
      const check = this.#one();
      return (value) => !check(value);
    }
    const text = this.#text();
    if (this.#take("==")) return comparing(text, this.#literal(), true);
    if (this.#take("!=")) return comparing(text, this.#literal(), false);
    if (!this.#take(".")) throw new Unknown();
    const method = this.#word();
    if (!this.#take("(")) throw new Unknown();
    const literal = this.#literal();
    if (!this.#take(")")) throw new Unknown();
    if (method === "contains") return (value) => text(value).includes(literal);
    if (method === "matches") return (value) => matches(literal, text(value));
    throw new Unknown();
  }

  /** `this`, or a field of it. */
  #text(): (value: unknown) => string {
    if (this.#word() !== "this") throw new Unknown();
    const desc = this.#desc;
    if (!desc) return (value) => value as string;
    if (!this.#take(".")) throw new Unknown();
    const name = this.#word();
    const field = desc.fields.find((each) => each.name === name);
    if (field?.fieldKind !== "scalar" || field.scalar !== ScalarType.STRING) throw new Unknown();
    const { localName } = field;
    return (value) => (value as Readonly<Record<string, string>>)[localName] as string;
  }

  #take(operator: string): boolean {
    const isNext = this.#tokens[this.#at]?.[0] === operator;
    if (isNext) this.#at++;
    return isNext;
  }

  #word(): string {
    const word = this.#tokens[this.#at++]?.[1];
    if (word === undefined) throw new Unknown();
    return word;
  }

  #literal(): string {
    const literal = this.#tokens[this.#at++]?.[2];
    if (literal === undefined) throw new Unknown();
    return literal.replace(/\\(u[0-9a-fA-F]{4}|.)/g, (_, escaped: string) => {
      if (escaped.length === 5) return String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
      const plain = escapes[escaped];
      if (plain === undefined) throw new Unknown();
      return plain;
    });
  }
}

const escapes: Readonly<Record<string, string>> = { "\\": "\\", '"': '"', "'": "'", r: "\r", n: "\n", t: "\t" };

const comparing =
  (text: (value: unknown) => string, literal: string, equal: boolean): Check =>
  (value) =>
    (text(value) === literal) === equal;
