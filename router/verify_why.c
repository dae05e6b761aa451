/* verify_why: how AWS's protocols call what is wrong with a signature. */
#include "proto/api.h"
#include "router/route.h"
#include "router/verify.h"

enum style { S3, QUERY, EC2, JSON, REST, STYLES };

struct words {
    uint16_t status;
    const char *code;
    const char *message;
};

#define MISMATCH                                                                                                       \
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key " \
    "and signing method. Consult the service documentation for details."
#define INVALID "The security token included in the request is invalid."
#define EXPIRED "The security token included in the request is expired"
#define EC2_INVALID "AWS was not able to validate the provided access credentials"

static const struct words words[VERIFY_PROBLEMS][STYLES] = {
    [VERIFY_MISSING] = {[S3] = {403, "AccessDenied", "Access Denied"},
                        [QUERY] = {403, "MissingAuthenticationToken", "Request is missing Authentication Token"},
                        [EC2] = {403, "MissingAuthenticationToken", "Request is missing Authentication Token"},
                        [JSON] = {400, "MissingAuthenticationTokenException", "Missing Authentication Token"},
                        [REST] = {403, "MissingAuthenticationTokenException", "Missing Authentication Token"}},
    [VERIFY_INCOMPLETE] = {[S3] = {400, "AuthorizationHeaderMalformed", "The authorization header is malformed."},
                           [QUERY] = {400, "IncompleteSignature", "The request's signature is incomplete."},
                           [EC2] = {400, "IncompleteSignature", "The request's signature is incomplete."},
                           [JSON] = {400, "IncompleteSignatureException", "The request's signature is incomplete."},
                           [REST] = {403, "IncompleteSignatureException", "The request's signature is incomplete."}},
    [VERIFY_UNKNOWN] = {[S3] = {403, "InvalidAccessKeyId",
                                "The AWS Access Key Id you provided does not exist in our records."},
                        [QUERY] = {403, "InvalidClientTokenId", INVALID},
                        [EC2] = {401, "AuthFailure", EC2_INVALID},
                        [JSON] = {400, "UnrecognizedClientException", INVALID},
                        [REST] = {403, "UnrecognizedClientException", INVALID}},
    [VERIFY_TOKEN] = {[S3] = {400, "InvalidToken", "The provided token is malformed or otherwise invalid."},
                      [QUERY] = {403, "InvalidClientTokenId", INVALID},
                      [EC2] = {401, "AuthFailure", EC2_INVALID},
                      [JSON] = {400, "UnrecognizedClientException", INVALID},
                      [REST] = {403, "UnrecognizedClientException", INVALID}},
    [VERIFY_EXPIRED] = {[S3] = {400, "ExpiredToken", "The provided token has expired."},
                        [QUERY] = {403, "ExpiredToken", EXPIRED},
                        [EC2] = {400, "RequestExpired", "Request has expired."},
                        [JSON] = {400, "ExpiredTokenException", EXPIRED},
                        [REST] = {403, "ExpiredTokenException", EXPIRED}},
    [VERIFY_TIME] = {[S3] = {403, "RequestTimeTooSkewed",
                             "The difference between the request time and the current time is too large."},
                     [QUERY] = {403, "SignatureDoesNotMatch", "Signature expired"},
                     [EC2] = {400, "RequestExpired", "Request has expired."},
                     [JSON] = {400, "InvalidSignatureException", "Signature expired"},
                     [REST] = {403, "InvalidSignatureException", "Signature expired"}},
    [VERIFY_MISMATCH] = {[S3] = {403, "SignatureDoesNotMatch",
                                 "The request signature we calculated does not match the signature you provided. Check "
                                 "your key and signing method."},
                         [QUERY] = {403, "SignatureDoesNotMatch", MISMATCH},
                         [EC2] = {401, "AuthFailure", EC2_INVALID},
                         [JSON] = {400, "InvalidSignatureException", MISMATCH},
                         [REST] = {403, "InvalidSignatureException", MISMATCH}},
};

static enum style style_of(const struct route_service *service)
{
    switch (service->protocol) {
    case API_QUERY:
        return QUERY;
    case API_EC2QUERY:
        return EC2;
    case API_RESTJSON:
        return REST;
    default:
        return service->is_s3 ? S3 : JSON;
    }
}

void verify_refuse(const struct route_service *service, enum verify_problem problem, slice message,
                   struct refuse_why *why)
{
    const struct words *said = &words[problem][style_of(service)];
    *why = (struct refuse_why){
        .status = said->status,
        .code = slice_of(said->code),
        .message = message.ptr ? message : slice_of(said->message),
    };
}
