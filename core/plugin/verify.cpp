#include "plugin/verify.hpp"

#include "plugin/probe_child.hpp"

#include <algorithm>
#include <sys/mman.h>
#include <sys/stat.h>

namespace nacre::plugin {
namespace {

void lint_file(int fd, Report& report) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || status.st_size <= 0) return;
  const auto size = static_cast<std::size_t>(status.st_size);
  void* map = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (map == MAP_FAILED) return;
  for (auto& finding : lint({static_cast<const char*>(map), size}))
    report.findings.push_back(std::move(finding));
  ::munmap(map, size);
}

} // namespace

std::string_view to_string(Finding::Level level) {
  switch (level) {
  case Finding::Level::ok:
    return "ok";
  case Finding::Level::warning:
    return "warning";
  case Finding::Level::error:
    return "error";
  }
  return "error";
}

bool Report::good() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& finding) { return finding.level == Finding::Level::error; });
}

Report verify(const std::string& path, Kind kind, const std::string& name, const VerifyOptions& options) {
  Report report;
  try {
    const Inspected inspected = inspect(path, kind, name, options.rules);
    report.identity = inspected.identity;
    lint_file(inspected.file.fd.get(), report);
  } catch (const LoadError& error) {
    report.findings.push_back({Finding::Level::error, error.status(), error.what()});
    return report;
  }
  probe_in_child(path, kind, name, options, report);
  return report;
}

} // namespace nacre::plugin
