// The newest figures, from the coordinator's thread to whoever looks: nobody waits for anybody.
#pragma once

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "coordinator/figures.h"

namespace seedcast {

class FiguresBoard {
 public:
  struct Entry {
    std::shared_ptr<const CoordinatorFigures> figures = std::make_shared<CoordinatorFigures>();
    absl::Time put = absl::InfinitePast();
  };

  void Put(CoordinatorFigures figures, absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_) {
    auto shared = std::make_shared<const CoordinatorFigures>(std::move(figures));
    absl::MutexLock lock(&mutex_);
    newest_ = {std::move(shared), now};
  }
  Entry Get() const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return newest_;
  }

 private:
  mutable absl::Mutex mutex_;
  Entry newest_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace seedcast
