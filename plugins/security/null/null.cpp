// Security `null`: confines nothing and lets the guest's process be what the bundle says. The smallest plugin
// there is.
#include <nacre/sdk/security.hpp>

namespace {

using namespace nacre::sdk;

class Null : public Security {
public:
  Null(Host, const Call&, const Options&) {}
};

} // namespace

NACRE_PLUGIN_DEFINE(security, "null", "0.1.0", "Apache-2.0", 0, 0, "[]", &nacre::sdk::security_table<Null>);
