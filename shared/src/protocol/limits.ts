/** The bounds of the device link. What happens at each is in shared/docs/protocol.md; both ends enforce them. */
export const linkLimits = {
  /** The payload of one MQTT PUBLISH. A larger one ends the connection. */
  packetBytes: 128 * 1024,
  /** How much of a large message one chunk carries. */
  chunkBytes: 96 * 1024,
  /** A whole message as it travels, put together from its chunks. */
  messageBytes: 8 * 1024 * 1024,
  /** The same message after inflating. */
  inflatedBytes: 48 * 1024 * 1024,
  /** Lists and objects within one another. */
  jsonDepth: 128,
  /** Values in one message: what its lists and objects hold. */
  jsonValues: 500_000,
  /** JSON longer than this is deflated. */
  deflateAboveBytes: 512,
  /** Messages being put together from chunks at one time, per sender. */
  assemblies: 2,
  /** Keys in the content of a node. */
  contentEntries: 20_000,
  /** One key of them. */
  contentKeyBytes: 512,
  /** The text of one object; the API takes none as large. */
  objectBytes: 8 * 1024 * 1024,
  /** How much of its objects a manifest brings along, before deflating. What is more the board asks for. */
  inlineBytes: 64 * 1024,
  /** Objects in one request, and bytes of their texts in one answer: what a hub deflates in a few milliseconds. */
  wants: 128,
  pageBytes: 256 * 1024,
  /** Open streams of one device: a hundred people and tools at one board, and some to spare. */
  streams: 128,
  /** What a sender may have on its way, per stream, before the receiver grants more: at most, and where many are open. */
  streamWindowBytes: 256 * 1024,
  streamSmallWindowBytes: 32 * 1024,
  /** What a board holds of input that its pods do not read, in full windows; beyond it the windows are small. */
  boardInputBytes: 4 * 1024 * 1024,
  /** The data of one stream frame. */
  streamFrameBytes: 16 * 1024,
  podsPerReport: 1024,
  eventsPerReport: 256,
  /** Token requests waiting for an answer, per device. */
  tokenRequests: 32,
  /** Names, ids, versions. */
  textBytes: 256,
  /** Reasons and messages for people. */
  proseBytes: 4096,
} as const;
