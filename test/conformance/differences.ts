import type { Difference } from './compare.ts';
import type { Answer, Json } from './exchange.ts';

/** A way in which the hub means to differ from Kubernetes. */
export interface Meant {
  /** The cases, by what their names match; all when left out. */
  readonly cases?: RegExp;
  /** Which places of an answer, as JSON pointers. */
  readonly at: RegExp;
  /** Nothing else hides behind the entry; anything passes when left out. */
  readonly only?: (difference: Difference, recorded: Answer, found: Answer) => boolean;
  readonly why: string;
}

const causesOf = ({ body }: Answer): readonly Json[] => {
  const { details } = body as { details?: { causes?: readonly Json[] } };
  return details?.causes ?? [];
};

const each = (causes: readonly Json[]): string => JSON.stringify([...new Set(causes.map((cause) => JSON.stringify(cause)))]);

/** Without the values that messages show. */
const withoutValue = (value: Json | undefined): string =>
  String(value).replace(/Invalid value: .*?("|\]|\}): (?=[a-z])/g, 'Invalid value: ');

const upToDiff = (value: Json | undefined): string => String(value).split('\n')[0] ?? '';

/** The differences that stay, each with its reason. An entry that is not seen any more has to go. */
export const meant: readonly Meant[] = [
  {
    at: /^\/warnings(\/\d+)?$/,
    only: ({ found, recorded }) =>
      recorded === undefined && /accepted, but this release of Flotilla does not act on it/.test(JSON.stringify(found)),
    why: 'A field that boards do not act on yet is taken, and the hub says so.',
  },
  {
    at: /\/columnDefinitions\/\d+\/description$/,
    only: ({ recorded, found }) => Boolean(recorded) && Boolean(found),
    why: 'Columns are described in the words of this project.',
  },
  {
    at: /^\/body\/details\/causes\/\d+/,
    only: (_difference, recorded, found) => each(causesOf(recorded)) === each(causesOf(found)),
    why: 'Kubernetes lists the same cause once for each of its validations that found it; here it is listed once.',
  },
  {
    at: /\/(lastProbeTime|lastTransitionTime|lastHeartbeatTime|lastUpdateTime|eventTime|firstTimestamp|lastTimestamp|f:lastProbeTime|f:lastTransitionTime|f:lastHeartbeatTime|f:lastUpdateTime)$/,
    only: ({ recorded, found }) => found === undefined && (recorded === null || JSON.stringify(recorded) === '{}'),
    why: 'A time that nobody gave is left out, where Go can only write null.',
  },
  {
    at: /\/(source|reportingComponent|reportingInstance)$/,
    only: ({ recorded, found }) => found === undefined && (recorded === '' || JSON.stringify(recorded) === '{}'),
    why: 'What an event does not say is left out, where Go writes empty values.',
  },
  {
    at: /\/status(\/daemonEndpoints|\/nodeInfo(\/\w+)?)?$/,
    only: ({ recorded, found }) => found === undefined && /^[^a-zA-Z]*(("\w+":)?[{}"0,:]|"\w+":)*$/.test(JSON.stringify(recorded)),
    why: 'What a node has not reported is left out, where Go writes empty values.',
  },
  {
    at: /^\/body\/(message|details\/causes\/\d+\/message)$/,
    only: ({ recorded, found }) =>
      /fields other than `spec/.test(String(recorded)) &&
      (upToDiff(recorded) === upToDiff(found) || upToDiff(recorded).replace(/^.*?\[/, '') === upToDiff(found).replace(/^.*?\[/, '')),
    why: 'After a change that pods do not allow Kubernetes shows a diff of its Go structs, the hub the names of the fields.',
  },
  {
    at: /^\/body\/(message|details\/causes\/\d+\/message)$/,
    only: ({ recorded, found }) => recorded !== found && withoutValue(recorded) === withoutValue(found),
    why: 'A struct in a message is shown as JSON, where Kubernetes shows the fields of its Go structs.',
  },
  {
    cases: /^JSON patch: /,
    at: /^\/body\/details\/causes$/,
    only: ({ recorded, found }) => recorded === undefined && /"UnexpectedServerResponse"/.test(JSON.stringify(found)),
    why: 'Why an operation of a JSON patch does not apply is told as a cause; Kubernetes keeps it to itself.',
  },
];

export function isMeant({ cases, at, only }: Meant, name: string, difference: Difference, recorded: Answer, found: Answer): boolean {
  return (cases?.test(name) ?? true) && at.test(difference.at) && (only?.(difference, recorded, found) ?? true);
}
