// Ctrl-C and SIGTERM: the first one cancels the calls in hand, so that the command can say how to go on and leave with
// 130; a second one leaves at once.
#pragma once

#include <grpcpp/client_context.h>

namespace seedcast {

// Installs the handlers. Call once, before threads start; without it Interrupted() stays false.
void HandleInterrupts();
bool Interrupted();

// While it lives, an interrupt cancels `context`; one that came before cancels it at once.
class CancelOnInterrupt {
 public:
  explicit CancelOnInterrupt(grpc::ClientContext* context);
  ~CancelOnInterrupt();
  CancelOnInterrupt(const CancelOnInterrupt&) = delete;
  CancelOnInterrupt& operator=(const CancelOnInterrupt&) = delete;

 private:
  grpc::ClientContext* const context_;
};

}  // namespace seedcast
