#!/usr/bin/env node
import { run } from '../../shared/setup/run.mjs';

process.exit(await run('agent/src/cmd/flotilla-agent.ts', process.argv.slice(2)));
