/* The network kind: turns links of the pod's network namespace into NICs of the VM.
 *
 * Two phases: open_endpoint() makes the host's end of a NIC, before or after the VM has booted and perhaps before
 * there is a link; bind() joins it to a link. One handle a pod. Calls on one handle are never concurrent.
 * The core scans the namespace, watches it, and configures the guest. A link whose name ends in "_nacre" is never
 * offered to a plugin: the names of links that a plugin makes there end so.
 *
 * ABI RULE: append only.
 */
#ifndef NACRE_PLUGIN_NETWORK_H
#define NACRE_PLUGIN_NETWORK_H

#include "host_api.h"
#include "hypervisor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NACRE_NETWORK_VERSION 1

#define NACRE_NET_MULTI_QUEUE (1ull << 0)
#define NACRE_NET_RATE_LIMIT (1ull << 1)     /* options rx_rate_limiter_max_rate, tx_... are honoured */
#define NACRE_NET_LATE_BIND (1ull << 2)      /* endpoints can be opened before their link exists */
#define NACRE_NET_NO_LINKS (1ull << 3)       /* claims no link: the guest has lo only */
#define NACRE_NET_WHOLE_NAMESPACE (1ull << 4) /* serves a namespace as a whole without touching its links */

struct nacre_address {
  uint32_t struct_size;
  uint32_t family;          /* 4 or 6 */
  uint8_t address[16];      /* network order; 4 bytes used for family 4 */
  uint32_t prefix_length;
  uint32_t scope;           /* RT_SCOPE_* */
  uint32_t flags;           /* IFA_F_* */
  uint32_t reserved;
};

struct nacre_route {
  uint32_t struct_size;
  uint32_t family;
  uint8_t destination[16];
  uint8_t gateway[16];
  uint8_t source[16];
  uint32_t destination_length;
  uint32_t has_gateway;
  uint32_t has_source;
  uint32_t metric;
  uint32_t scope;           /* RT_SCOPE_* */
  uint32_t type;            /* RTN_* */
  uint32_t protocol;        /* RTPROT_* */
  uint32_t flags;           /* RTNH_F_* */
};

/* A link as the core found it. */
struct nacre_link {
  uint32_t struct_size;
  uint32_t index;           /* in the pod's namespace */
  NACRE_STRING(name);
  NACRE_STRING(kind);       /* IFLA_INFO_KIND: "veth", "macvlan", "" for a physical one */
  NACRE_STRING(pci_address); /* of a physical one; "" */
  uint8_t mac[8];           /* first 6 bytes */
  uint32_t mtu;
  uint32_t flags;           /* IFF_* */
  uint32_t hardware_type;   /* ARPHRD_* */
  uint32_t address_count;
  uint32_t route_count;
  uint32_t reserved;
  const struct nacre_address *const *addresses;
  const struct nacre_route *const *routes;      /* that leave by this link */
};

struct nacre_endpoint_request {
  uint32_t struct_size;
  int32_t netns_fd;         /* the pod's, borrowed */
  NACRE_STRING(id);         /* device id to use */
  uint32_t index;           /* 0, 1, ...: for names on the host */
  uint32_t queues;
  uint8_t mac[8];           /* of the NIC, as the core chose it; first 6 bytes */
  uint32_t mtu;
  uint32_t vhost;           /* 1: use /dev/vhost-net where it works */
  uint32_t link_index;      /* of the link that bind() will name, in that namespace; 0: not known yet */
  uint32_t reserved;
};

/* What open_endpoint() gives. Pointers live until the next call on the endpoint. */
struct nacre_endpoint_result {
  uint32_t struct_size;
  uint32_t reserved;
  const struct nacre_guest_device *device;
  const struct nacre_host_end *host_end;    /* its descriptors are in fds_out, moved */
};

/* What bind() gives. */
struct nacre_bind_result {
  uint32_t struct_size;
  uint32_t own_addresses;   /* 1: the guest gets the lists below instead of the link's */
  uint8_t mac[8];           /* the NIC's MAC in the guest; normally the link's */
  uint32_t mtu;
  uint32_t address_count;
  uint32_t route_count;
  uint32_t reserved;
  const struct nacre_address *const *addresses;
  const struct nacre_route *const *routes;
};

struct nacre_endpoint_stats {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped; /* as the guest sees them */
  uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};

typedef struct nacre_net nacre_net;           /* opaque, the plugin's: one a pod */
typedef struct nacre_endpoint nacre_endpoint; /* opaque, the plugin's: one a NIC */

struct nacre_network_ops {
  uint32_t struct_size;
  uint32_t reserved;
  int32_t (*probe)(const struct nacre_host *host, const struct nacre_call *call, const char *options,
                   uint64_t options_len, struct nacre_probe_report *ret, struct nacre_error *error);
  int32_t (*create)(const struct nacre_host *host, const struct nacre_call *call, const char *options,
                    uint64_t options_len, nacre_net **ret, struct nacre_error *error);
  void (*destroy)(nacre_net *net); /* all endpoints were closed before */

  /* For the plan: bit k is set when devices of kind k are needed with NACRE_DEV_COLD_ADD or NACRE_DEV_HOT_ADD. Links
   * that come later are hot-added where the hypervisor can. No side effects. */
  int32_t (*needs)(nacre_net *net, uint64_t *ret_cold_kinds, uint64_t *ret_hot_kinds, struct nacre_error *error);
  /* *ret 1: this plugin takes the link; 0: ask the next one in the list. No side effects. */
  int32_t (*claim)(nacre_net *net, const struct nacre_link *link, uint32_t *ret, struct nacre_error *error);

  int32_t (*open_endpoint)(nacre_net *net, const struct nacre_call *call, const struct nacre_endpoint_request *request,
                           nacre_endpoint **ret, struct nacre_endpoint_result *ret_device,
                           struct nacre_fds_out *fds_out, struct nacre_error *error);
  int32_t (*bind)(nacre_endpoint *endpoint, const struct nacre_call *call, const struct nacre_link *link,
                  int32_t netns_fd, struct nacre_bind_result *ret, struct nacre_error *error);
  /* The namespace is as it was before bind(). Succeeds when the link or the namespace is gone. */
  int32_t (*unbind)(nacre_endpoint *endpoint, const struct nacre_call *call, struct nacre_error *error);
  void (*close_endpoint)(nacre_endpoint *endpoint); /* after unbind() */
  int32_t (*stats)(nacre_endpoint *endpoint, struct nacre_endpoint_stats *ret, struct nacre_error *error);

  int32_t (*undo)(const struct nacre_host *host, const struct nacre_call *call, const void *record, uint64_t length,
                  struct nacre_error *error);
};

#ifdef __cplusplus
}
#endif
#endif
