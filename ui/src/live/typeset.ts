// Formulas in plain signs, set as MathML: fractions, roots, hats, and what stands above and below a letter.

/** A piece of a formula; a group in parentheses also as it is without them. */
interface Piece {
  whole: string;
  bare: string;
}

const BELOW: Record<string, string> = { ...digits("₀₁₂₃₄₅₆₇₈₉"), ₜ: "<mi>t</mi>", "₊": "<mo>+</mo>" };
const ABOVE: Record<string, string> = { "²": "<mn>2</mn>", "³": "<mn>3</mn>", ᵗ: "<mi>t</mi>" };
const TOKEN = /([\p{Lu}\p{Ll}])(\u0302?)([₀-₉ₜ₊]*)([²³ᵗ]*)|(\d+(?:\.\d+)?)|([√/()])|([←=+−·,∇])|\s+/gu;
const BETWEEN = '<mspace width="0.17em"></mspace>';

function digits(signs: string): Record<string, string> {
  return Object.fromEntries([...signs].map((sign, digit) => [sign, `<mn>${digit}</mn>`]));
}

/** A formula as MathML. `a / b` is a fraction of one factor over one, `√` covers one; signs that are not known are left out. */
export function typeset(formula: string): string {
  return `<math displaystyle="true"><mrow>${row([...formula.matchAll(TOKEN)].reverse())}</mrow></math>`;
}

/** What comes next, up to the end or a closing parenthesis; `rest` is in reverse. */
function row(rest: RegExpMatchArray[]): string {
  const pieces: Piece[] = [];
  let spaced = false;
  for (let token = rest.pop(); token && token[0] !== ")"; token = rest.pop()) {
    if (!token[0].trim()) {
      spaced = true;
      continue;
    }
    if (token[0] === "/") {
      const above = pieces.pop();
      pieces.push(piece(`<mfrac>${above?.bare ?? ""}${factor(next(rest), rest).bare}</mfrac>`));
    } else {
      if (spaced && pieces.length && !isOperator(pieces[pieces.length - 1].whole) && !token[7]) pieces.push(piece(BETWEEN));
      pieces.push(factor(token, rest));
    }
    spaced = false;
  }
  return pieces.map(({ whole }) => whole).join("");
}

function factor(token: RegExpMatchArray | undefined, rest: RegExpMatchArray[]): Piece {
  if (!token) return piece("");
  const [sign, letter, hat, below, above, number, , operator] = token;
  if (sign === "(") {
    const inside = row(rest);
    const [opening, closing] = ["(", ")"].map((sign) => `<mo stretchy="${inside.includes("<mfrac>")}">${sign}</mo>`);
    return { whole: `<mrow>${opening}${inside}${closing}</mrow>`, bare: `<mrow>${inside}</mrow>` };
  }
  if (sign === "√") return piece(`<msqrt>${factor(next(rest), rest).bare}</msqrt>`);
  if (operator) return piece(`<mo>${operator}</mo>${operator === "," ? '<mspace width="1em"></mspace>' : ""}`);
  if (number) return piece(`<mn>${number}</mn>`);
  const core = `<mi>${letter}</mi>`;
  const base = hat ? `<mover accent="true">${core}<mo stretchy="false">^</mo></mover>` : core;
  const [sub, sup] = [scripts(below, BELOW), scripts(above, ABOVE)];
  if (sub && sup) return piece(`<msubsup>${base}${sub}${sup}</msubsup>`);
  if (sub) return piece(`<msub>${base}${sub}</msub>`);
  return piece(sup ? `<msup>${base}${sup}</msup>` : base);
}

/** The next token that is no space. */
function next(rest: RegExpMatchArray[]): RegExpMatchArray | undefined {
  let token = rest.pop();
  while (token && !token[0].trim()) token = rest.pop();
  return token;
}

function piece(whole: string): Piece {
  return { whole, bare: whole };
}

function scripts(signs: string, known: Record<string, string>): string {
  return signs ? `<mrow>${[...signs].map((sign) => known[sign]).join("")}</mrow>` : "";
}

function isOperator(mathml: string): boolean {
  return mathml.startsWith("<mo>");
}
