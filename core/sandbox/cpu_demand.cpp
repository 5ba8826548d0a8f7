#include "sandbox/cpu_demand.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace nacre::sandbox {
namespace {

// /proc/PID/task/TID/schedstat: nanoseconds on a CPU, nanoseconds waiting for one, time slices
// (Documentation/scheduler/sched-stats.rst).
std::uint64_t demand_of_thread(const std::string& folder) {
  std::ifstream file(folder + "/schedstat");
  std::uint64_t ran = 0, waited = 0;
  return file >> ran >> waited ? ran + waited : 0; // it may end meanwhile
}

} // namespace

std::chrono::nanoseconds cpu_demand(int pid) {
  std::uint64_t sum = 0;
  std::error_code gone;
  std::filesystem::directory_iterator thread("/proc/" + std::to_string(pid) + "/task", gone), end;
  for (; !gone && thread != end; thread.increment(gone))
    sum += demand_of_thread(thread->path());
  return std::chrono::nanoseconds(sum);
}

} // namespace nacre::sandbox
