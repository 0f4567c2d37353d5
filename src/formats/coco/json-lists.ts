/**
 * Large JSON files, piece by piece: an object whose values are mostly long lists (images, annotations). Bytes are
 * only scanned for where the items of a list end (strings, brackets); what lies between is handed to `JSON.parse`,
 * many items at a time. That keeps the speed of the built-in parser, checks the grammar by it, and needs memory
 * for one piece instead of the whole text, which may also be longer than a string can be.
 *
 *     const lists = new JsonLists({ onItems: (key, items) => …, onValue: (key, value) => … });
 *     for await (const piece of pieces) lists.feed(piece);
 *     lists.finish();
 *
 * What is no JSON is a SyntaxError.
 */

export interface JsonListsListener {
  /** The list `key` begins; one of the same name before it counts for nothing, as in `JSON.parse`. */
  onList(key: string): void;
  /** The next items of the list that has begun. */
  onItems(items: readonly unknown[]): void;
  /** What `key` holds when it is no list. */
  onValue(key: string, value: unknown): void;
  /** The file holds this instead of an object. */
  onOther(value: unknown): void;
}

type State =
  | 'start'
  | 'first key'
  | 'key'
  | 'colon'
  | 'value'
  | 'single value'
  | 'list'
  | 'after'
  | 'end'
  | 'other';

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openList = 0x5b;
const backslash = 0x5c;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

export class JsonLists {
  private readonly decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  private memory = new Uint8Array();
  private bytes = new Uint8Array();
  /** What lies before is done with. */
  private from = 0;
  /** What lies before was scanned. */
  private at = 0;
  private state: State = 'start';
  private key = '';
  /** Brackets that are open at `at`; the object of the file is the first. */
  private depth = 0;
  private inString = false;
  /** Within a list: the last comma between two of its items, or -1. */
  private cut = -1;
  private items = 0;

  constructor(private readonly listener: JsonListsListener) {}

  feed(piece: Uint8Array): void {
    this.append(piece);
    while (this.step());
    if (this.state === 'list' && this.cut > this.from) {
      this.handOver(this.cut);
      this.from = this.cut + 1;
    }
  }

  finish(): void {
    if (this.state === 'other') {
      this.listener.onOther(JSON.parse(this.text(this.from, this.bytes.length)));
    } else if (this.state !== 'end') {
      throw new SyntaxError('Unexpected end of JSON input');
    }
  }

  /** Behind what is not done with; the memory grows by doubling, so that one long value costs no more than lists. */
  private append(piece: Uint8Array): void {
    const rest = this.bytes.length - this.from;
    const length = rest + piece.length;
    if (length <= this.memory.length) this.memory.copyWithin(0, this.from, this.bytes.length);
    else {
      const memory = new Uint8Array(Math.max(length, 2 * this.memory.length));
      memory.set(this.bytes.subarray(this.from));
      this.memory = memory;
    }
    this.memory.set(piece, rest);
    this.bytes = this.memory.subarray(0, length);
    this.at -= this.from;
    this.from = 0;
    this.cut = -1;
  }

  /** One token or list further; false when more bytes are needed. */
  private step(): boolean {
    if (this.state === 'list') return this.readList();
    if (this.state === 'single value') return this.readValue();
    if (this.state === 'other') return false;
    if (this.state === 'start' && !this.skipMark()) return false;
    const byte = this.nextByte();
    if (byte === undefined) return false;
    switch (this.state) {
      case 'start':
        if (byte === openObject) {
          this.depth = 1;
          this.pass('first key');
        } else this.state = 'other';
        return true;
      case 'first key':
      case 'key':
        if (byte === closeObject && this.state === 'first key') this.pass('end');
        else if (byte === quote) return this.readKey();
        else throw this.unexpected(byte);
        return true;
      case 'colon':
        if (byte !== colon) throw this.unexpected(byte);
        this.pass('value');
        return true;
      case 'value':
        if (byte === openList) this.openList();
        else this.state = 'single value';
        return true;
      case 'after':
        if (byte === comma) this.pass('key');
        else if (byte === closeObject) this.pass('end');
        else throw this.unexpected(byte);
        return true;
      default:
        throw this.unexpected(byte);
    }
  }

  private pass(state: State): void {
    this.from = ++this.at;
    this.state = state;
  }

  private openList(): void {
    this.pass('list');
    this.depth = 2;
    this.items = 0;
    this.listener.onList(this.key);
  }

  private readKey(): boolean {
    for (let end = this.at + 1; end < this.bytes.length; end++) {
      if (this.bytes[end] === backslash) end++;
      else if (this.bytes[end] === quote) {
        this.key = JSON.parse(this.text(this.at, end + 1)) as string;
        this.at = end;
        this.pass('colon');
        return true;
      }
    }
    return false;
  }

  /** Scans to the end of the list, remembering the last comma between items. */
  private readList(): boolean {
    if (!this.scan(2)) return false;
    if (this.bytes[this.at] !== closeList) throw this.unexpected(this.bytes[this.at]!);
    this.handOver(this.at, true);
    this.depth = 1;
    this.pass('after');
    return true;
  }

  private readValue(): boolean {
    if (!this.scan(1)) return false;
    this.listener.onValue(this.key, JSON.parse(this.text(this.from, this.at)));
    this.from = this.at;
    this.state = 'after';
    return true;
  }

  /**
   * On to the bracket that closes `level`, and for a single value (level 1) to the comma that ends it. The hot
   * loop: local variables, no calls.
   */
  private scan(level: number): boolean {
    const { bytes } = this;
    let { at, depth, inString, cut } = this;
    let found = false;
    for (; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (inString) {
        if (byte === quote) inString = false;
        else if (byte === backslash) {
          // Its next byte may lie in the next piece, which then begins with the backslash.
          if (at + 1 === bytes.length) break;
          at++;
        }
      } else if (byte === quote) inString = true;
      else if (byte === openObject || byte === openList) depth++;
      else if (byte === closeObject || byte === closeList) {
        if (depth === level) {
          found = true;
          break;
        }
        depth--;
      } else if (byte === comma && depth === level) {
        cut = at;
        if (level === 1) {
          found = true;
          break;
        }
      }
    }
    this.at = at;
    this.depth = depth;
    this.inString = inString;
    this.cut = cut;
    return found;
  }

  private handOver(end: number, last = false): void {
    const text = this.text(this.from, end);
    if (last && this.items === 0 && text.trim() === '') return;
    // Commas stand between items: text that is empty here is one comma too many, and JSON.parse says so.
    const items = JSON.parse(text.trim() === '' ? ',' : `[${text}]`) as unknown[];
    this.items += items.length;
    this.listener.onItems(items);
  }

  private text(start: number, end: number): string {
    return this.decoder.decode(this.bytes.subarray(start, end));
  }

  /** A byte order mark may stand in front. */
  private skipMark(): boolean {
    if (this.bytes[0] !== 0xef || this.at > 0) return true;
    if (this.bytes.length < 3) return false;
    if (this.bytes[1] === 0xbb && this.bytes[2] === 0xbf) {
      this.at = 3;
      this.from = 3;
    }
    return true;
  }

  /** The next byte that is no white space. */
  private nextByte(): number | undefined {
    const { bytes } = this;
    while (this.at < bytes.length) {
      const byte = bytes[this.at]!;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) {
        this.from = this.at;
        return byte;
      }
      this.at++;
    }
    this.from = this.at;
    return undefined;
  }

  private unexpected(byte: number): SyntaxError {
    return new SyntaxError(`Unexpected ${JSON.stringify(String.fromCharCode(byte))} in JSON`);
  }
}
