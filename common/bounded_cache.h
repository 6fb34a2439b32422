// A map of values of known size: those put least recently go as soon as all together are larger than is allowed.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace seedcast {

// Not thread-safe. What is dropped is returned, so that its owner frees it after letting go of a lock.
template <typename Key, typename Value>
class BoundedCache {
 public:
  explicit BoundedCache(int64_t max_bytes) : max_bytes_(max_bytes) {}

  // Valid until anything is put or taken; null where there is none.
  const Value* Find(const Key& key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : &found->second.value;
  }

  std::optional<Value> Take(const Key& key) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return std::nullopt;
    return Remove(found);
  }

  // Replaces what is here. A value that is too large alone is dropped at once, and all others with it.
  [[nodiscard]] std::vector<Value> Put(const Key& key, Value value, int64_t bytes) {
    std::vector<Value> dropped;
    if (const auto found = entries_.find(key); found != entries_.end()) dropped.push_back(Remove(found));
    entries_.emplace(key, Entry{std::move(value), bytes, by_age_.insert(by_age_.end(), key)});
    bytes_ += bytes;
    while (bytes_ > max_bytes_) dropped.push_back(Remove(entries_.find(by_age_.front())));
    return dropped;
  }

  template <typename Predicate>  // bool(const Key&)
  [[nodiscard]] std::vector<Value> DropIf(Predicate predicate) {
    std::vector<Value> dropped;
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      const auto present = entry++;
      if (predicate(present->first)) dropped.push_back(Remove(present));
    }
    return dropped;
  }

  int64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    Value value;
    int64_t bytes;
    typename std::list<Key>::iterator age;
  };
  using Entries = std::map<Key, Entry>;

  Value Remove(typename Entries::iterator entry) {
    Value value = std::move(entry->second.value);
    bytes_ -= entry->second.bytes;
    by_age_.erase(entry->second.age);
    entries_.erase(entry);
    return value;
  }

  const int64_t max_bytes_;
  int64_t bytes_ = 0;
  Entries entries_;
  std::list<Key> by_age_;  // least recently put first
};

}  // namespace seedcast
