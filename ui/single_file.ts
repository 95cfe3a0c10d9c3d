// The last step of the build: style, script and the licenses of what is bundled move into the page, and a policy allows
// exactly this style and this script, by hash.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

const NOTICE = new URL("../NOTICE", import.meta.url);

export function singleFile(): Plugin {
  return {
    name: "single-file",
    enforce: "post",
    generateBundle(_, bundle) {
      let script = "";
      let style = "";
      for (const [name, part] of Object.entries(bundle)) {
        if (part.type === "chunk") script += part.code;
        else if (name.endsWith(".css")) style += text(part.source);
        else continue;
        delete bundle[name];
      }
      const page = bundle["index.html"];
      if (page?.type !== "asset") throw new Error("The build made no index.html.");
      // the text of the element must be what is hashed, and must not end it
      script = script.trim().replaceAll("</script", "<\\/script");
      style = style.trim();
      page.source = text(page.source)
        .replace(/\s*<script type="module"[^>]*><\/script>/, "")
        .replace(/\s*<link rel="stylesheet"[^>]*>/, "")
        .replace("<!--licenses-->", () => licenses())
        .replace("<!--policy-->", () => policy(script, style))
        .replace("<!--style-->", () => `<style>${style}</style>`)
        .replace("<!--script-->", () => `<script type="module">${script}</script>`);
    },
  };
}

function policy(script: string, style: string): string {
  const content = [
    "default-src 'none'",
    `script-src '${hash(script)}'`,
    `style-src '${hash(style)}'`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return `<meta http-equiv="Content-Security-Policy" content="${content}">`;
}

function hash(content: string): string {
  return `sha256-${createHash("sha256").update(content, "utf8").digest("base64")}`;
}

/** NOTICE, a paragraph for each of its own: underlined ones are headings, indented ones belong to the one before. */
function licenses(): string {
  const paragraphs = readFileSync(NOTICE, "utf8").trim().split(/\n{2,}/);
  return paragraphs.map(paragraph).join("\n");
}

function paragraph(lines: string): string {
  const [underlined, indented] = [/\n-+$/.test(lines), lines.startsWith(" ")];
  const words = lines.replace(/\n-+$/, "").trim().replace(/\s+/g, " ").replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  if (underlined) return `<h3>${words}</h3>`;
  return indented ? `<p class="quiet">${words}</p>` : `<p>${words}</p>`;
}

function text(source: string | Uint8Array): string {
  return typeof source === "string" ? source : new TextDecoder().decode(source);
}
