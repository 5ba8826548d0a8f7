// Network `null`: takes no link, so the guest has its loopback only.
#include <nacre/sdk/network.hpp>

namespace {

using namespace nacre::sdk;

class Null : public Network {
public:
  Null(Host, const Call&, const Options&) {}
  DeviceNeeds needs() override { return {}; }
  bool claim(const Link&) override { return false; }
  std::unique_ptr<Endpoint> open_endpoint(const Call&, const EndpointRequest&) override {
    unsupported("open an endpoint: it gives the guest its loopback only");
  }
};

} // namespace

NACRE_PLUGIN_DEFINE(network, "null", "0.1.0", "Apache-2.0", 0, NACRE_NET_NO_LINKS, "[]",
                    &nacre::sdk::network_table<Null>);
