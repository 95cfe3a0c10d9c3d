// Where the page begins.
import { App } from "./app";
import { byId } from "./dom";
import "./style.css";
import { EmbeddedTransport, type Transport } from "./transport";

const transport: Transport = new EmbeddedTransport(byId("document"));
try {
  transport.open(({ document }) => new App(document));
} catch (error) {
  const notice = byId("notice");
  notice.hidden = false;
  notice.textContent = `This page cannot be shown. ${error instanceof Error ? error.message : ""}`;
  throw error;
}
