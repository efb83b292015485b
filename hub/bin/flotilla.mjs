#!/usr/bin/env node
import { run } from '../../shared/setup/run.mjs';

process.exit(await run('hub/src/cmd/flotilla.ts', process.argv.slice(2)));
