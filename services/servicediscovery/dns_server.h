/* dns_server: the sockets that Cloud Map's DNS is asked at, UDP and TCP on one port. */
#pragma once

#include "services/worker/worker.h"

struct dns_server;

/* As service.open and service.close. The address is written to RUN_DIR/dns ("127.0.0.1:4553"), without which there is
 * no DNS: it is off, or no port could be had, which is logged. */
service_open_fn dns_server_open;
service_close_fn dns_server_close;
