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

const each = (causes: readonly Json[]): string => {
  const told = causes.map((cause) => {
    const { field, reason, message } = cause as Record<string, Json>;
    return JSON.stringify([field, reason, withoutValue(upToDiff(message))]);
  });
  return JSON.stringify([...new Set(told)]);
};

/** Without the values that messages show. */
const withoutValue = (value: Json | undefined): string =>
  String(value).replace(/((?:Invalid|Duplicate|Unsupported) value: )(?:\{.*\}|\[.*\]|".*")(?=: |$)/g, '$1');

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
    at: /\/(lastProbeTime|lastTransitionTime|lastHeartbeatTime|lastUpdateTime|eventTime|firstTimestamp|lastTimestamp|deprecatedFirstTimestamp|deprecatedLastTimestamp|f:lastProbeTime|f:lastTransitionTime|f:lastHeartbeatTime|f:lastUpdateTime)$/,
    only: ({ recorded, found }) => found === undefined && (recorded === null || JSON.stringify(recorded) === '{}'),
    why: 'A time that nobody gave is left out, where Go can only write null.',
  },
  {
    at: /\/(source|deprecatedSource|reportingComponent|reportingController|reportingInstance)$/,
    only: ({ recorded, found }) => found === undefined && (recorded === '' || JSON.stringify(recorded) === '{}'),
    why: 'What an event does not say is left out, where Go writes empty values.',
  },
  {
    at: /\/metadata\/managedFields\/\d+\/(apiVersion|fieldsV1\/f:(note|message|regarding|involvedObject|reportingController|reportingComponent)(\/.*)?)$/,
    only: ({ recorded, found }) => recorded === undefined || found === undefined || (recorded === 'events.k8s.io/v1' && found === 'v1'),
    why: 'Who owns which field of an event is kept under the names of the core group, whichever group it was written through.',
  },
  {
    at: /\/status(\/daemonEndpoints|\/nodeInfo(\/\w+)?)?$/,
    only: ({ recorded, found }) => found === undefined && /^[^a-zA-Z]*(("\w+":)?[{}"0,:]|"\w+":)*$/.test(JSON.stringify(recorded)),
    why: 'What a node has not reported is left out, where Go writes empty values.',
  },
  {
    at: /^\/body\/(message|details\/causes\/\d+\/message)$/,
    only: ({ recorded, found }) =>
      /fields other than `spec|existing ephemeral containers .* may not be changed/.test(String(recorded)) &&
      (upToDiff(recorded) === upToDiff(found) || upToDiff(recorded).replace(/^.*?\[/, '') === upToDiff(found).replace(/^.*?\[/, '')),
    why: 'After a change that pods do not allow Kubernetes shows a diff of its Go structs, the hub the names of the fields.',
  },
  {
    at: /^\/body\/(message|details\/causes\/\d+\/message)$/,
    only: ({ recorded, found }) => recorded !== found && withoutValue(recorded) === withoutValue(found),
    why: 'A struct in a message is shown as JSON, where Kubernetes shows the fields of its Go structs.',
  },
  {
    cases: /AccessReview|^TokenReview|^a token|^bound to|^not really/,
    at: /^\/body\/metadata(\/managedFields)?$/,
    only: ({ at, recorded, found }) =>
      found === undefined && (at.endsWith('managedFields') || Object.keys(recorded as object).join() === 'managedFields'),
    why: 'A question is not stored: nobody owns its fields.',
  },
  {
    cases: /^SubjectAccessReview with a name$/,
    at: /^\/body\/(message|details\/causes\/0\/message)$/,
    only: ({ recorded, found }) =>
      /metadata.*: must be empty|\{"name":"x".*must be empty/.test(`${recorded}`) && /must be empty$/.test(`${found}`),
    why: 'A question is not stored: what it may not have is shown without owners of fields.',
  },
  {
    cases: /^TokenReview: the audience of the API$/,
    at: /^\/body\/status\/error$/,
    only: ({ recorded, found }) => String(found).replace('default.svc.cluster.local', 'default.svc') === recorded,
    why: 'The issuer of tokens is named by the whole name of the service, as kubeadm names it.',
  },
  {
    cases: /^watch what happened$/,
    at: /\/1\/object\/spec$/,
    only: ({ recorded, found }) => found === undefined && JSON.stringify(recorded) === '{}',
    why: 'A bookmark is a version and nothing else, where Go writes empty values.',
  },
  {
    cases: /a label of the template less$/,
    at: /^\/body\/(message|details\/causes\/0\/message)$/,
    only: ({ recorded, found }) => String(recorded).replace('Invalid value: {}', 'Invalid value: null') === found,
    why: 'An empty map of labels is as good as none, and both are shown as null.',
  },
  {
    cases: /accept application\/yaml/,
    at: /^\/(type|body)/,
    why: 'YAML is written in another order and layout, and errors are always JSON.',
  },
  {
    cases: /prototype/,
    at: /./,
    only: ({ at, found }) => at.includes('__proto__') || /__proto__/.test(JSON.stringify(found)),
    why: 'A key called __proto__ is never created.',
  },
  {
    cases: /^JSON patch: the prototype/,
    at: /^$/,
    why: 'A key called __proto__ is never created.',
  },
  {
    cases: /exponent/,
    at: /^(\/body\/message)?$/,
    why: 'A number in exponent form counts as its value.',
  },
  {
    cases: /runtime class|overhead/,
    at: /^$/,
    why: 'RuntimeClasses are not served: the field is taken, with a warning, and does nothing.',
  },
  {
    cases: /Windows/,
    at: /^$/,
    why: 'Boards run Linux; what holds for Windows alone is not checked.',
  },
  {
    cases: /AppArmor annotation/,
    at: /securityContext$/,
    why: 'The annotation from before Kubernetes 1.30 is not carried over into the field.',
  },
  {
    cases: /^GET \/apis?\/(v1\/)?$/,
    at: /^\/body\/(resources|groups|serverAddressByClientCIDRs)/,
    why: 'The hub serves fewer kinds.',
  },
  {
    cases: /^(DELETE \/apis|POST \/healthz)$/,
    at: /^$/,
    why: 'Pages are read with GET and HEAD only.',
  },
  {
    cases: /^token: /,
    at: /^\/body\/(spec\/audiences\/0|metadata\/managedFields)$/,
    why: 'The audience is a setting of the server, and a token request is not stored: it has no managers.',
  },
  {
    cases: /^secret: tls$/,
    at: /^\/warnings$/,
    why: 'Certificates in Secrets are not looked into.',
  },
  {
    cases: /^pods: /,
    at: /^\/body\/\d+(\/type|\/object\/metadata\/(deletionGracePeriodSeconds|resourceVersion))?$/,
    why: 'A deletion at once is one write, not an update and a deletion: it has one event.',
  },
  {
    cases: /patch: (replace )?the kind$/,
    at: /message$/,
    only: ({ found }) => /unknown conversion/.test(String(found)),
    why: 'A patch that makes an object one of another kind is refused for that; Kubernetes reads it as that kind first.',
  },
  {
    cases: /scale: as a table/,
    at: /^$/,
    why: 'A Scale has no Table.',
  },
  {
    at: /\/(lastState|state|names)$/,
    only: ({ recorded, found }) => found === undefined && /^(\{\}|null)$/.test(JSON.stringify(recorded)),
    why: 'A state or list that is empty is left out, where Go writes it.',
  },
  {
    at: /f:status$|f:nodeInfo$/,
    only: ({ recorded, found }) =>
      found === undefined && recorded !== undefined && !/f:(phase|replicas|conditions)/.test(JSON.stringify(recorded)),
    why: 'A field that nobody gave has no manager, where Go writes it empty.',
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
