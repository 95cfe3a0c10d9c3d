// Where the page begins: with a document inside it, or with a live server behind it.
import { App } from "./app";
import { byId } from "./dom";
import { LivePage } from "./live/page";
import "./style.css";
import { EmbeddedTransport, isLive } from "./transport";

try {
  if (isLive(byId("document"))) new LivePage(`<!doctype html>\n${document.documentElement.outerHTML}`);
  else new EmbeddedTransport(byId("document")).open((document) => new App(document));
} catch (error) {
  const notice = byId("notice");
  notice.hidden = false;
  notice.textContent = `This page cannot be shown. ${error instanceof Error ? error.message : ""}`;
  throw error;
}
