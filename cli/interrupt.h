// Ctrl-C and SIGTERM: the first one cancels the calls in hand, so that the command can say how to go on and leave with
// 130; a second one leaves at once.
#pragma once

#include <grpcpp/client_context.h>

#include <atomic>

namespace seedcast {

// Installs the handlers. Call once, before threads start; without it Interrupted() stays false.
void HandleInterrupts();
bool Interrupted();

// While it lives, an interrupt cancels `context`, and so does CancelCalls() once *ended is set; what came before
// cancels it at once.
class CancelOnInterrupt {
 public:
  CancelOnInterrupt(grpc::ClientContext* context, const std::atomic<bool>* ended);
  ~CancelOnInterrupt();
  CancelOnInterrupt(const CancelOnInterrupt&) = delete;
  CancelOnInterrupt& operator=(const CancelOnInterrupt&) = delete;

  // Sets *ended and cancels the calls that were made with it.
  static void CancelCalls(std::atomic<bool>* ended);

 private:
  grpc::ClientContext* const context_;
};

}  // namespace seedcast
