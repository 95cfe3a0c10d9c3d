// A live server behind the page: one WebSocket, opened with a token, kept open, opened again when it is lost.
import { parsePacked } from "../document";
import { type Answer, type Frame, parseFrame, PROTOCOL, type Request, VERSION } from "./wire";

const KEPT = "downslope-token";
const WAITS = [300, 1000, 2000, 5000];
const LONGEST_OUTAGE = 60_000;

/** `lost`: tries again by itself; `gone`: only when asked; `refused`: for good. */
export type LinkState = "connecting" | "open" | "lost" | "gone" | "refused";

export interface Receiver {
  answer(answer: Answer): void;
  frame(frame: Frame): void;
  /** The link changed; `words` say it to the reader. */
  link(state: LinkState, words: string): void;
}

/** Take the token out of an address, `#token` or `#token&rest`: the token, if there is one, and the rest. */
export function splitToken(fragment: string): { token: string | null; rest: string } {
  const parts = fragment.replace(/^#/, "").split("&").filter(Boolean);
  const token = parts.find((part) => /^[\w-]{16,}$/.test(part)) ?? null;
  return { token, rest: parts.filter((part) => part !== token).join("&") };
}

/** Move the token from the visible address into the session, and return it, or the one that was kept. */
export function takeToken(): string | null {
  const { token, rest } = splitToken(location.hash);
  if (token === null) return sessionStorage.getItem(KEPT);
  sessionStorage.setItem(KEPT, token);
  history.replaceState(null, "", `${location.pathname}${location.search}${rest ? `#${rest}` : ""}`);
  return token;
}

export class SocketTransport {
  private socket: WebSocket | null = null;
  private receiver: Receiver | null = null;
  private tries = 0;
  private lostAt = 0;
  private everOpen = false;
  private waiting = 0;

  constructor(
    private readonly address: string,
    private readonly token: string | null,
  ) {}

  open(receiver: Receiver): void {
    this.receiver = receiver;
    if (this.token === null) {
      const words = "This address lacks its token. Open the address that `downslope explore` printed, whole.";
      receiver.link("refused", words);
      return;
    }
    addEventListener("online", () => this.socket?.readyState === WebSocket.CLOSED && this.retry());
    this.connect();
  }

  send(request: Request): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(request));
  }

  /** Try at once, and as long again as after a loss. */
  retry(): void {
    [this.tries, this.lostAt] = [0, 0];
    this.connect();
  }

  private connect(): void {
    clearTimeout(this.waiting);
    if (this.token === null || this.socket?.readyState === WebSocket.CONNECTING) return;
    this.receiver?.link("connecting", this.everOpen ? "Connecting again …" : "Connecting …");
    const socket = new WebSocket(this.address, [PROTOCOL, this.token]);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.addEventListener("open", () => {
      [this.tries, this.lostAt, this.everOpen] = [0, 0, true];
      this.receiver?.link("open", "");
      this.send({ type: "hello", version: VERSION });
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket === this.socket) this.received(data);
    });
    socket.addEventListener("close", () => socket === this.socket && this.lost());
  }

  private received(data: string | ArrayBuffer): void {
    if (typeof data === "string") this.receiver?.answer(parsePacked(data) as Answer);
    else this.receiver?.frame(parseFrame(data));
  }

  private lost(): void {
    if (!this.receiver) return;
    this.lostAt ||= Date.now();
    if (!this.everOpen && this.tries >= 2) return this.giveUp("The server refused this page, or is not there.");
    if (Date.now() - this.lostAt > LONGEST_OUTAGE) return this.giveUp("The server is gone.");
    const words = "The link to the server is lost. What is shown stays; trying again by itself …";
    this.receiver.link("lost", words);
    this.waiting = window.setTimeout(() => this.connect(), WAITS[Math.min(this.tries++, WAITS.length - 1)]);
  }

  private giveUp(words: string): void {
    this.receiver?.link("gone", `${words} If it was started anew, open the address that it printed.`);
  }
}
