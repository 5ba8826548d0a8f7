// A plugin that breaks the first rule of the boundary: its functions let exceptions out.
#include <nacre/plugin/define.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>

namespace {

std::int32_t probe(const nacre_host*, const nacre_call*, const char*, std::uint64_t, nacre_probe_report*,
                   nacre_error*) {
  throw std::runtime_error("thrown by probe");
}

std::int32_t create(const nacre_host*, const nacre_call*, const char* options, std::uint64_t, nacre_guard**,
                    nacre_error*) {
  if (std::strstr(options, "int") != nullptr) throw 42;
  throw std::runtime_error("thrown by create");
}

void destroy(nacre_guard*) {}

constexpr nacre_security_ops ops = {sizeof ops, 0, probe, create, destroy, nullptr, nullptr, nullptr};

} // namespace

NACRE_PLUGIN_DEFINE(security, "throws", "1", "Apache-2.0", 0, 0, "[]", &ops);
