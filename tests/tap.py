"""Runs programs that report in TAP (cmocka, busted), and counts what they say."""
import os
import re
import subprocess
import sys

LINE = re.compile(r"(not )?ok (\d+) ?-? ?(.*)")
SKIPPED = re.compile(r"#\s*skip", re.IGNORECASE)


class Tap:
    """Adds up programs: run() each of them, then close() prints the counts and gives the
    exit status of the suite."""

    def __init__(self, timeout=600, is_verbose=bool(os.environ.get("VERBOSE"))):
        self.passed = self.failed = self.skipped = 0
        self.timeout = timeout  # seconds for one program
        self.is_verbose = is_verbose

    def run(self, label, command, env=None):
        """Runs one program. Its whole output is shown only when something in it failed."""
        before = (self.passed, self.failed, self.skipped)
        output, status = self._output_of(command, env)
        planned = self._count(output)
        passed, failed, skipped = (now - was for now, was in zip(
            (self.passed, self.failed, self.skipped), before))
        fault = self._fault(status, planned, passed + failed + skipped, failed)
        if fault:
            self.failed += 1
            failed += 1
        if failed or self.is_verbose:
            sys.stdout.write(output if output.endswith("\n") or not output else output + "\n")
        print("%-40s %4d passed%s%s%s" % (
            label, passed, ", %d failed" % failed if failed else "",
            ", %d skipped" % skipped if skipped else "", ": " + fault if fault else ""),
            flush=True)

    def _output_of(self, command, env):
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            output, _ = process.communicate(timeout=self.timeout)
            status = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            status = "not done after %d s" % self.timeout
        return output.decode("utf-8", "replace"), status

    def _count(self, output):
        """Counts the results; returns how many the plans (`1..N`) announce, None without."""
        planned = None
        for line in output.split("\n"):
            plan = re.match(r"1\.\.(\d+)", line)
            result = LINE.match(line)
            if plan:
                planned = (planned or 0) + int(plan.group(1))
            elif result and SKIPPED.search(result.group(3)):
                self.skipped += 1
            elif result and result.group(1):
                self.failed += 1
            elif result:
                self.passed += 1
        return planned

    @staticmethod
    def _fault(status, planned, seen, failed):
        """Why the program as a whole failed, though its results may not show it; else ""."""
        if isinstance(status, str):
            return status
        if status < 0:
            return "ended by signal %d" % -status
        if status != 0 and failed == 0:
            return "status %d, though no test failed" % status
        if planned is None or seen < planned:
            return "%d results of %s" % (seen, "an unknown number" if planned is None else planned)
        return "ran no test" if seen == 0 else ""

    def close(self):
        print("%d passed, %d failed%s" % (
            self.passed, self.failed, ", %d skipped" % self.skipped if self.skipped else ""))
        return 1 if self.failed or not self.passed else 0
