import { gitVersion, kubernetesVersion } from '@flotilla/shared/api/version.js';

/** What `/version` answers (apimachinery, `version.Info`). */
export function versionInfo(): Record<string, string> {
  const [major = '', minor = ''] = kubernetesVersion.split('.');
  return {
    major,
    minor,
    emulationMajor: major,
    emulationMinor: minor,
    minCompatibilityMajor: major,
    minCompatibilityMinor: String(Number(minor) - 1),
    gitVersion,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: process.release.name,
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}
