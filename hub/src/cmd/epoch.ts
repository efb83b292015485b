/** 2026-01-01: when nobody says otherwise, so that a build tomorrow is the same as today's. */
export const defaultEpoch = 1_767_225_600;

/** The moment that everything in a build is from, by SOURCE_DATE_EPOCH. @throws Error for whoever typed the command */
export function buildEpoch(): number {
  const seconds = Number(process.env['SOURCE_DATE_EPOCH'] ?? defaultEpoch);
  if (!Number.isSafeInteger(seconds) || seconds < 315_532_800) throw new Error('SOURCE_DATE_EPOCH is no number of seconds since 1980');
  return seconds;
}
