#include "cli/diagnosis/staging_folder.hpp"

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "cli/host_command.hpp"
#include "oci/file_io.hpp"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <unistd.h>

namespace nacre::cli {
namespace {

constexpr std::size_t most = 64u << 20;
constexpr const char* operation = "write archive";

void run_tar(const std::string& folder, const std::string& name, int output) {
  CommandLimits limits;
  limits.output_fd = output;
  const auto result = run_command({"tar", "--create", "--gzip", "--file=-", "--owner=0", "--group=0",
                                   "--numeric-owner", "--sort=name", "--directory=" + folder, name},
                                  limits);
  if (result.succeeded()) return;
  throw Error(ErrorCode::internal, "run", "tar")
      .because(result.status_text() + ": " + result.output.substr(0, 400))
      .hint("install the packages tar and gzip, or make room on the disk");
}

} // namespace

StagingFolder::StagingFolder(std::string name) : name_(std::move(name)), path_("/tmp/nacre-collect-XXXXXX") {
  if (!::mkdtemp(path_.data())) throw_errno("make folder", path_); // mode 0700
}

StagingFolder::~StagingFolder() {
  std::error_code failure;
  std::filesystem::remove_all(path_, failure);
}

bool StagingFolder::add(const std::string& path, std::string_view text) {
  if (size_ + text.size() > most) return false;
  const auto file = path_ + "/" + name_ + "/" + path;
  std::error_code failure;
  std::filesystem::create_directories(std::filesystem::path(file).parent_path(), failure);
  if (failure) throw Error::from_errno(failure.value(), "make folder for", file);
  oci::replace_file(file, text, 0600, operation);
  size_ += text.size();
  return true;
}

void StagingFolder::pack(const std::string& file) const {
  UniqueFd output(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!output && errno == EEXIST)
    throw Error(ErrorCode::already_exists, operation, file)
        .because("the file exists")
        .hint("remove it, or name another with --output");
  check_errno(output.get(), operation, file);
  try {
    run_tar(path_, name_, output.get());
    check_errno(::fsync(output.get()), operation, file);
  } catch (...) {
    ::unlink(file.c_str());
    throw;
  }
}

} // namespace nacre::cli
