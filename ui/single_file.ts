// The last step of the build: style and script move into the page, and a policy allows exactly these two, by hash.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Plugin } from "vite";

const LIBRARIES = ["three", "uplot"];

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

function licenses(): string {
  const texts = LIBRARIES.map((name) => {
    const license = readFileSync(new URL(`node_modules/${name}/LICENSE`, import.meta.url), "utf8");
    return `${name}\n\n${license.replaceAll("\r\n", "\n").trim()}`;
  });
  return `<!--\nThis page contains parts of:\n\n${texts.join("\n\n").replaceAll("--", "-")}\n-->`;
}

function text(source: string | Uint8Array): string {
  return typeof source === "string" ? source : new TextDecoder().decode(source);
}
