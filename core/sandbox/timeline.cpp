#include "sandbox/timeline.hpp"

#include "base/failpoint.hpp"

#include <boost/json.hpp>
#include <ctime>

namespace nacre::sandbox {
namespace {

std::uint64_t now_ns() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

// Microseconds are enough for a reader, and keep the text short.
double milliseconds(std::uint64_t ns) { return static_cast<double>(ns / 1000) / 1000.0; }

} // namespace

Timeline::Scope Timeline::phase(std::string name, std::string object) {
  std::size_t index;
  {
    const std::lock_guard lock(mutex_);
    index = phases_.size();
    phases_.push_back({name, std::move(object), now_ns(), 0});
  }
  try {
    failpoint(name);
  } catch (...) {
    end(index);
    throw;
  }
  return Scope(*this, index);
}

void Timeline::add(Phase finished) {
  const std::lock_guard lock(mutex_);
  phases_.push_back(std::move(finished));
}

std::vector<Phase> Timeline::phases() const {
  const std::lock_guard lock(mutex_);
  return phases_;
}

void Timeline::end(std::size_t index) {
  const std::lock_guard lock(mutex_);
  phases_[index].end_ns = now_ns();
}

std::string Timeline::to_json() const {
  const auto all = phases();
  std::uint64_t first = UINT64_MAX;
  for (const auto& phase : all) first = std::min(first, phase.start_ns);
  boost::json::array list;
  for (const auto& phase : all) {
    boost::json::object item;
    item["name"] = phase.name;
    item["object"] = phase.object;
    item["start_ms"] = milliseconds(phase.start_ns - first);
    if (phase.end_ns == 0)
      item["duration_ms"] = nullptr; // it lasts still
    else
      item["duration_ms"] = milliseconds(phase.end_ns >= phase.start_ns ? phase.end_ns - phase.start_ns : 0);
    list.push_back(std::move(item));
  }
  boost::json::object document;
  document["phases"] = std::move(list);
  return boost::json::serialize(document);
}

} // namespace nacre::sandbox
