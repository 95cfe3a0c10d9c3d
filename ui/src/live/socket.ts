// A live server behind the page: one WebSocket, opened with a token, kept open, opened again when it is lost.
import { parsePacked } from "../document";
import { type Answer, type Frame, parseFrame, PROTOCOL, type Request, TOKEN_PREFIX, VERSION } from "./wire";

const KEPT = "downslope-token";
const WAITS = [300, 1000, 2000, 5000];
const LONGEST_OUTAGE = 60_000;

export type LinkState = "connecting" | "open" | "lost" | "refused";

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
    addEventListener("online", () => this.socket?.readyState === WebSocket.CLOSED && this.connect());
    this.connect();
  }

  send(request: Request): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(request));
  }

  close(): void {
    this.receiver = null;
    this.socket?.close();
  }

  private connect(): void {
    this.receiver?.link("connecting", this.everOpen ? "Connecting again …" : "Connecting …");
    const socket = new WebSocket(this.address, [PROTOCOL, TOKEN_PREFIX + this.token]);
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
    socket.addEventListener("close", () => this.lost());
  }

  private received(data: string | ArrayBuffer): void {
    if (typeof data === "string") this.receiver?.answer(parsePacked(data) as Answer);
    else this.receiver?.frame(parseFrame(data));
  }

  private lost(): void {
    if (!this.receiver) return;
    this.lostAt ||= Date.now();
    if (!this.everOpen && this.tries >= 2) {
      const words = "The server refused this page or is not there. Open the address that `downslope explore` printed.";
      this.receiver.link("refused", words);
      return;
    }
    if (Date.now() - this.lostAt > LONGEST_OUTAGE) {
      this.receiver.link("refused", "The server is gone. Start `downslope explore` again and open the address it prints.");
      return;
    }
    const words = "The link to the server is lost; what is shown stays. Trying again …";
    this.receiver.link("lost", words);
    setTimeout(() => this.receiver && this.connect(), WAITS[Math.min(this.tries++, WAITS.length - 1)]);
  }
}
