// SIGINT and SIGTERM as something that a thread waits for. The handlers do no more than a handler may: count, and wake
// whoever waits, through a pipe.
#pragma once

#include <optional>

namespace seedcast {

// Installs the handlers; call once, before threads start. With `exit_code_of_second` a second signal ends the process
// at once with that code, else it is one more to wait for. False, and the default handlers stay, when no descriptors
// are left.
//
// What comes within half a second of the first is an echo of it and not a second one: Ctrl-C reaches a whole group of
// processes, and a wrapper among them (`timeout`, a shell script) passes its own on.
bool CatchSignals(std::optional<int> exit_code_of_second);

int SignalsCaught();  // without echoes; 0 without CatchSignals

// Waits for a signal; those that came before count. False once nobody is to wait any more. One thread.
bool WaitForSignal();
void EndWaitingForSignals();

// For a process that serves: the end of whoever reads its log is not its own.
void IgnoreBrokenPipes();

}  // namespace seedcast
