// A security plugin as a C++ class. <nacre/plugin/security.h> says what each operation must do.
//
//   class Mine : public nacre::sdk::Security {
//    public:
//     Mine(Host host, const Call& call, const Options& options);
//     ProcessRules confine(const Call& call, const ProcessRequest& request) override;
//   };
//   NACRE_PLUGIN_DEFINE(security, "mine", "1.0", "Apache-2.0", 0, 0, "[]",
//   &nacre::sdk::security_table<Mine>);
#ifndef NACRE_SDK_SECURITY_HPP
#define NACRE_SDK_SECURITY_HPP

#include <nacre/sdk/handle.hpp>
#include <nacre/sdk/rules.hpp>

namespace nacre::sdk {

class Security {
public:
  Security() = default;
  Security(const Security&) = delete;
  Security& operator=(const Security&) = delete;
  virtual ~Security() = default;

  virtual ProcessRules confine(const Call&, const ProcessRequest&) { return {}; }
  virtual GuestRules guest_process(const Call&, const GuestRequest&) { return {}; }
};

template <typename Plugin> struct SecurityTable : Handle<Plugin, nacre_guard> {
  using H = Handle<Plugin, nacre_guard>;
  using E = nacre_error;
  using C = nacre_call;

  static std::int32_t confine(nacre_guard* raw, const C* call, const nacre_process_request* request,
                              nacre_process_rules* ret, E* error) noexcept {
    return guard(error, [&] {
      auto& handle = H::of(raw);
      const ProcessRules rules = handle.object.confine(Call(call), from_c(request));
      handle.arena.clear();
      deliver(ret, to_c(rules, handle.arena));
    });
  }
  static std::int32_t guest_process(nacre_guard* raw, const C* call, const nacre_guest_request* request,
                                    nacre_guest_rules* ret, E* error) noexcept {
    return guard(error, [&] {
      auto& handle = H::of(raw);
      const GuestRules rules = handle.object.guest_process(Call(call), from_c(request));
      handle.arena.clear();
      deliver(ret, to_c(rules, handle.arena));
    });
  }
};

template <typename Plugin>
inline constexpr nacre_security_ops security_table = {
    sizeof(nacre_security_ops),           0,
    SecurityTable<Plugin>::probe,         SecurityTable<Plugin>::create,
    SecurityTable<Plugin>::destroy,       SecurityTable<Plugin>::confine,
    SecurityTable<Plugin>::guest_process, SecurityTable<Plugin>::undo,
};

} // namespace nacre::sdk

#endif
