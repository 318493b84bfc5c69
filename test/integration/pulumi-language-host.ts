/**
 * Stands in for pulumi-language-nodejs, which a full install of Pulumi ships: it starts the program of a Pulumi.yaml as that host does, by @pulumi/pulumi's own
 * `cmd/run` with the addresses of the engine, and the real engine of the CLI does the rest.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** What is used of the generated code, which has types of its own only for the package's inside. */
interface RunRequest {
  getProject(): string;
  getStack(): string;
  getOrganization(): string;
  getPwd(): string;
  getDryrun(): boolean;
  getParallel(): number;
  getMonitorAddress(): string;
  getArgsList(): readonly string[];
  getConfigMap(): { entries(): Iterable<readonly [string, string]> };
  getConfigsecretkeysList(): readonly string[];
  getInfo(): { getEntryPoint(): string; getRootDirectory(): string; getProgramDirectory(): string };
}
type Answer = (error: null, response: unknown) => void;
interface Server {
  addService(service: unknown, methods: Readonly<Record<string, (call: { readonly request: RunRequest }, answer: Answer) => void>>): void;
  bindAsync(address: string, credentials: unknown, bound: (error: Error | null, port: number) => void): void;
  forceShutdown(): void;
}
interface Grpc {
  readonly Server: new () => Server;
  readonly ServerCredentials: { createInsecure(): unknown };
}
type Message = new () => { setError(text: string): void; setBail(bail: boolean): void; setVersion(text: string): void };
type Messages = Readonly<Record<string, Message>>;

const here = createRequire(import.meta.url);
const pulumi = dirname(here.resolve('@pulumi/pulumi/package.json'));
const inside = createRequire(join(pulumi, 'package.json'));
const grpc = inside('@grpc/grpc-js') as Grpc;
const { LanguageRuntimeService } = inside('./proto/language_grpc_pb.js') as { readonly LanguageRuntimeService: unknown };
const language = inside('./proto/language_pb.js') as Messages;
const plugin = inside('./proto/plugin_pb.js') as Messages;

/** The exit code of a program that has told the engine itself what is wrong. */
const SAID = 32;

function message(messages: Messages, name: string): InstanceType<Message> {
  const Kind = messages[name];
  if (Kind === undefined) throw new Error(`@pulumi/pulumi has no message ${name}`);
  return new Kind();
}

export class LanguageHost implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async start(environment: NodeJS.ProcessEnv): Promise<LanguageHost> {
    const server = new grpc.Server();
    server.addService(LanguageRuntimeService, {
      getRequiredPlugins: (_call, answer) => answer(null, message(language, 'GetRequiredPluginsResponse')),
      getRequiredPackages: (_call, answer) => answer(null, message(language, 'GetRequiredPackagesResponse')),
      getPluginInfo: (_call, answer) => {
        const info = message(plugin, 'PluginInfo');
        info.setVersion('1.0.0');
        answer(null, info);
      },
      run: ({ request }, answer) => {
        const response = message(language, 'RunResponse');
        const child = spawn(process.execPath, runArgv(request), { cwd: request.getPwd(), env: { ...environment, ...configOf(request) }, stdio: 'inherit' });
        child.on('close', (code) => {
          if (code === SAID) response.setBail(true);
          else if (code !== 0) response.setError(`the program ended with ${String(code)}`);
          answer(null, response);
        });
      },
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => (error === null ? resolve(bound) : reject(error)));
    });
    return new LanguageHost(server, port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
    return Promise.resolve();
  }
}

function configOf(request: RunRequest): NodeJS.ProcessEnv {
  return {
    PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().entries())),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
  };
}

function runArgv(request: RunRequest): readonly string[] {
  const info = request.getInfo();
  const flags = {
    monitor: request.getMonitorAddress(),
    engine: request.getArgsList()[0] ?? '',
    organization: request.getOrganization(),
    project: request.getProject(),
    'root-directory': info.getRootDirectory(),
    stack: request.getStack(),
    pwd: info.getProgramDirectory(),
    parallel: String(request.getParallel()),
  };
  return [
    join(pulumi, 'cmd/run'),
    ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]),
    ...(request.getDryrun() ? ['--dry-run'] : []),
    join(info.getProgramDirectory(), info.getEntryPoint()),
  ];
}
