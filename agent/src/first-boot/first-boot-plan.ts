import type { SettingValues } from '@flotilla/shared/board-settings/settings-file.js';
import { nodeNameFault } from '@flotilla/shared/protocol/join.js';

/** What the board is, as far as its name goes. */
export interface BoardFacts {
  readonly hostname: string;
  /** `Raspberry Pi 4 Model B Rev 1.4`; empty when the machine does not say. */
  readonly model: string;
  readonly serial: string;
}

export interface PlannedFile {
  readonly path: string;
  readonly content: string;
  readonly mode: number;
}

/** One step of the first boot: files, then programs. Doing it twice is as good as once. */
export interface FirstBootStep {
  readonly name: string;
  readonly files: readonly PlannedFile[];
  readonly commands: readonly (readonly string[])[];
}

const agentEnvironmentFile = '/etc/flotilla/agent.env';
export const joinTokenFile = '/etc/flotilla/join-token';

/** Names that machines have before anybody gave them one. */
const genericNames = /^(localhost|flotilla|debian|raspberrypi|raspberry|ubuntu|linux|generic|\(none\)|)(\..*)?$/;

/** The setting's name, else the machine's own unless it is a generic one, else its model and the tail of its serial number. */
export function boardName({ hostname, model, serial }: BoardFacts, given: string | undefined): string {
  if (given !== undefined) return given;
  const own = hostname.toLowerCase();
  if (!genericNames.test(own) && nodeNameFault(own) === undefined) return own;
  const words = [...model.split(/ rev | model /i).slice(0, 1), serial.replace(/[^A-Za-z0-9]/g, '').slice(-6)];
  const made = words
    .join('-')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63);
  return made || 'board';
}

/** What the settings make of this board; a pure function. */
export function planFirstBoot(values: SettingValues, facts: BoardFacts): FirstBootStep[] {
  const one = (name: string): string | undefined => values[name]?.[0];
  const name = boardName(facts, one('hostname'));
  const steps: FirstBootStep[] = [
    {
      name: 'name',
      files: [
        { path: '/etc/hostname', content: `${name}\n`, mode: 0o644 },
        { path: '/etc/hosts', content: `127.0.0.1 localhost\n127.0.1.1 ${name}\n::1 localhost ip6-localhost\n`, mode: 0o644 },
      ],
      commands: [['hostname', name]],
    },
  ];
  const zone = one('timezone');
  if (zone) steps.push({ name: 'time zone', files: [], commands: [['ln', '-sfn', `/usr/share/zoneinfo/${zone}`, '/etc/localtime']] });
  if (values['static-ip'] || values['wifi']) steps.push(network(values));
  if (values['ssh-key'])
    steps.push({
      name: 'SSH',
      files: [{ path: '/root/.ssh/authorized_keys', content: values['ssh-key'].map((key) => `${key}\n`).join(''), mode: 0o600 }],
      commands: [
        ['ssh-keygen', '-A'],
        ['systemctl', 'unmask', 'ssh.service'],
        ['systemctl', '--no-block', 'enable', '--now', 'ssh.service'],
      ],
    });
  steps.push(agent(values, name));
  return steps;
}

function network(values: SettingValues): FirstBootStep {
  const one = (name: string): string | undefined => values[name]?.[0];
  const files: PlannedFile[] = [];
  const commands: string[][] = [];
  const [address, wifi] = [one('static-ip'), one('wifi')];
  if (address) {
    // The wireless one where there is one: a board on a cable and without settings for it asks by DHCP.
    const lines = ['[Match]', `Name=${wifi ? 'wl*' : 'en* eth* end*'}`, '[Network]', `Address=${address}`];
    const gateway = one('gateway');
    if (gateway) lines.push(`Gateway=${gateway}`);
    for (const server of values['dns'] ?? []) lines.push(`DNS=${server}`);
    files.push({ path: '/etc/systemd/network/10-flotilla.network', content: `${lines.join('\n')}\n`, mode: 0o644 });
  }
  if (wifi) {
    const password = one('wifi-password');
    // As hex: a name may hold any character.
    const lines = ['ctrl_interface=/run/wpa_supplicant', `country=${one('wifi-country') ?? 'GB'}`, 'network={'];
    lines.push(`  ssid=${Buffer.from(wifi).toString('hex')}`, '  scan_ssid=1');
    if (password === undefined) lines.push('  key_mgmt=NONE');
    else lines.push(`  psk=${/^[0-9a-fA-F]{64}$/.test(password) ? password : `"${password}"`}`);
    files.push({ path: '/etc/wpa_supplicant/wpa_supplicant-wlan0.conf', content: `${lines.join('\n')}\n}\n`, mode: 0o600 });
    commands.push(['systemctl', '--no-block', 'enable', '--now', 'wpa_supplicant@wlan0.service']);
  }
  return { name: 'network', files, commands };
}

function agent(values: SettingValues, name: string): FirstBootStep {
  const list = (setting: string, flag: string): string[] => (values[setting] ? [`--${flag}`, values[setting].join(',')] : []);
  const token = values['token']?.[0];
  const flags = [
    ...['--node-name', name],
    ...list('hub', 'hub'),
    ...list('label', 'node-labels'),
    ...list('taint', 'register-with-taints'),
    ...list('profile', 'profile'),
    ...(token === undefined ? [] : ['--token-file', joinTokenFile]),
  ];
  const proxy = values['proxy']?.[0];
  // No value holds a space: that is where systemd parts them.
  const lines = [`FLOTILLA_AGENT_FLAGS=${flags.join(' ')}`, ...(proxy ? [`HTTPS_PROXY=${proxy}`] : [])];
  return {
    name: 'agent',
    files: [
      ...(token === undefined ? [] : [{ path: joinTokenFile, content: `${token}\n`, mode: 0o600 }]),
      { path: agentEnvironmentFile, content: `${lines.join('\n')}\n`, mode: 0o600 },
    ],
    commands: [],
  };
}
