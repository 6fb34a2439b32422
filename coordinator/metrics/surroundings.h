// What a scrape measures itself: the store's disk.
#pragma once

#include <limits>
#include <string>

namespace seedcast {

// NaN where it cannot be told.
struct StoreSpace {
  double bytes = std::numeric_limits<double>::quiet_NaN();       // of the files in the directory
  double free_bytes = std::numeric_limits<double>::quiet_NaN();  // that we may still write
};
StoreSpace MeasureStore(const std::string& directory);  // empty: a store in memory

}  // namespace seedcast
