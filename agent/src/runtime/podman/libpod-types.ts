/** The parts we read of what podman's libpod API (4.0 and later) answers. */
export interface LibpodPod {
  readonly Id: string;
  readonly Name: string;
  readonly Created: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

export interface LibpodContainer {
  readonly Id: string;
  readonly Created: string;
  readonly IsInfra: boolean;
  readonly Image: string;
  readonly ImageID: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly Pod: string;
  /** `created`, `configured`, `initialized`, `running`, `paused`, `stopping`, `stopped`, `exited`, `removing`, `unknown`. */
  readonly State: string;
  /** Seconds since 1970; far below zero when it never was. */
  readonly StartedAt: number;
  readonly ExitedAt: number;
  readonly ExitCode: number;
  /** Of its first process, as this host counts; 0 or left out when it does not run. */
  readonly Pid?: number;
}

export interface LibpodInspect {
  readonly Id: string;
  readonly Created: string;
  readonly Image: string;
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null; readonly Tty: boolean; readonly OpenStdin: boolean };
  /** The name of the program that runs it: `runc`. */
  readonly OCIRuntime: string;
  readonly State: {
    readonly Status: string;
    readonly OOMKilled: boolean;
    readonly Pid: number;
    readonly ConmonPid?: number;
    readonly ExitCode: number;
    readonly StartedAt: string;
    readonly FinishedAt: string;
  };
  readonly HostConfig: { readonly LogConfig: { readonly Path: string } };
}

export interface LibpodImage {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
  readonly Digest: string;
  readonly Size: number;
  /** Only of a single image's inspection. */
  readonly Config?: { readonly User?: string };
}

export interface LibpodNetwork {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly subnets?: readonly { readonly subnet: string; readonly gateway: string }[];
}
