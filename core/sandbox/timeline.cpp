#include "sandbox/timeline.hpp"

#include "base/failpoint.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <ctime>

namespace nacre::sandbox {
namespace {

std::uint64_t now_ns(clockid_t clock = CLOCK_MONOTONIC) {
  timespec now;
  ::clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

// Microseconds are enough for a reader, and keep the text short.
double milliseconds(std::uint64_t ns) {
  return static_cast<double>(ns / 1000) / 1000.0;
}

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

void Timeline::note_cpu_before_vmm() {
  const std::lock_guard lock(mutex_);
  if (cpu_before_vmm_ns_ == 0) cpu_before_vmm_ns_ = now_ns(CLOCK_PROCESS_CPUTIME_ID);
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
  auto all = phases();
  // Those measured elsewhere were added when they were known, not when they began.
  std::stable_sort(all.begin(), all.end(),
                   [](const Phase& a, const Phase& b) { return a.start_ns < b.start_ns; });
  const std::uint64_t first = all.empty() ? 0 : all.front().start_ns;
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
  const std::lock_guard lock(mutex_);
  if (cpu_before_vmm_ns_ != 0) document["cpu_ms_before_vmm"] = milliseconds(cpu_before_vmm_ns_);
  return boost::json::serialize(document);
}

} // namespace nacre::sandbox
