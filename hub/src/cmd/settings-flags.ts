import { readFileSync } from 'node:fs';
import { parseSettingsFile, problemText, type SettingProblem, type SettingValues } from '@flotilla/shared/board-settings/settings-file.js';

/** @throws Error that names the file and every line that is wrong */
export function fileSettings(file: string): SettingValues {
  const { values, problems } = parseSettingsFile(readFileSync(file, 'utf8'));
  refuse(file, problems);
  return values;
}

/** @throws Error with all problems, when there are any */
export function refuse(where: string, problems: readonly SettingProblem[]): void {
  if (problems.length > 0) throw new Error(`${where}:\n${problems.map((problem) => `  ${problemText(problem)}`).join('\n')}`);
}
