/** What the system's word for it means with cards. */
const meanings: Readonly<Record<string, string>> = {
  EBUSY: 'something uses it: is a partition of it mounted?',
  EACCES: 'you may not write to it: run this as root, or let your user write to the device',
  EPERM: 'it may not be written to: is it write-protected?',
  EROFS: 'it is write-protected',
  ENOSPC: 'it is too small for the image',
  ENXIO: 'it is gone: was it pulled out?',
  ENODEV: 'it is gone: was it pulled out?',
  ENOENT: 'it is gone: was it pulled out?',
  ENOMEDIUM: 'it is gone: was it pulled out?',
  EIO: 'the drive reports an error: it is worn out, or was pulled out',
};

/** Why a drive failed, for whoever holds the card. */
export function flashErrorText(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const meaning = code === undefined ? undefined : meanings[code];
  return meaning ? `${meaning} (${code})` : (message ?? String(error));
}
