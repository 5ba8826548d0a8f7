#include "filter.hpp"

#include <nacre/sdk/error.hpp>
#include <nacre/sdk/fd.hpp>

#include <memory>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace nacre::seccomp {
namespace {

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
};

void check(int result, const std::string& what) {
  if (result < 0) throw sdk::Error::from_errno(-result, what);
}

void add(scmp_filter_ctx context, const Rule& rule) {
  const int call = seccomp_syscall_resolve_name(rule.call.c_str());
  if (call == __NR_SCMP_ERROR) return; // newer than this libseccomp
  std::vector<scmp_arg_cmp> arguments;
  for (const auto& condition : rule.conditions)
    arguments.push_back({condition.argument, SCMP_CMP_MASKED_EQ, condition.mask, condition.value});
  const auto action = rule.error == 0 ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(static_cast<unsigned>(rule.error));
  check(seccomp_rule_add_array(context, action, call, static_cast<unsigned>(arguments.size()),
                               arguments.data()),
        "add system call \"" + rule.call + "\" to a filter");
}

std::string exported(scmp_filter_ctx context) {
  const sdk::Fd file(sdk::check_errno(::memfd_create("filter", MFD_CLOEXEC), "make a file for a filter"));
  check(seccomp_export_bpf(context, file.get()), "compile a filter");
  struct stat status {};
  sdk::check_errno(::fstat(file.get(), &status), "measure a filter");
  std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
  if (::pread(file.get(), bytes.data(), bytes.size(), 0) != status.st_size)
    throw sdk::Error(NACRE_E_INTERNAL, "a compiled filter cannot be read back");
  return bytes;
}

} // namespace

std::string compile(const RuleList& list) {
  const std::unique_ptr<void, Release> context(
      seccomp_init(SCMP_ACT_ERRNO(static_cast<unsigned>(list.default_error))));
  if (!context) throw std::bad_alloc();
  // A call by another architecture's numbers (int 0x80, x32) would go round the list.
  check(seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), "set up a filter");
  check(seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2),
        "set up a filter"); // a binary tree, not a chain
  for (const auto& rule : list.rules)
    add(context.get(), rule);
  return exported(context.get());
}

} // namespace nacre::seccomp
