import type { Reporter, TestModule } from 'vitest/node';

/** Counts what a run did so that nothing that went wrong is left out of the closing line. */
export class ClosingLine implements Reporter {
  passed = 0;
  failed = 0;
  skipped = 0;

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    // Called again when something goes wrong after the end: the last account is the whole one.
    this.passed = this.failed = this.skipped = 0;
    for (const module of modules) {
      let tests = 0;
      for (const test of module.children.allTests()) {
        tests++;
        const { state } = test.result();
        if (state === 'passed') this.passed++;
        else if (state === 'skipped') this.skipped++;
        else this.failed++;
      }
      // A file that cannot be loaded, or whose hooks fail, has an error of its own that no test shows.
      if (module.errors().length > 0) this.failed++;
      else if (tests === 0) this.failed++;
    }
    this.failed += unhandled.length;
    if (this.passed + this.failed + this.skipped === 0) this.failed = 1;
  }

  line(): string {
    // Not called at all means the run never came to its end.
    if (this.passed + this.failed + this.skipped === 0) this.failed = 1;
    return `${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped`;
  }
}
