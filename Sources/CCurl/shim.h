#include <curl/curl.h>

// libcurl's setters take any number of arguments of any type; Swift can call no such function. One for each type that is used.

static inline CURLcode hoistway_curl_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode hoistway_curl_set_text(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode hoistway_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode hoistway_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}
static inline CURLcode hoistway_curl_copy_body(CURL *handle, const void *bytes, curl_off_t count) {
    CURLcode result = curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, count);
    return result ? result : curl_easy_setopt(handle, CURLOPT_COPYPOSTFIELDS, bytes);
}
typedef size_t (*hoistway_curl_sink)(char *bytes, size_t size, size_t count, void *user);
static inline CURLcode hoistway_curl_set_sink(CURL *handle, CURLoption option, hoistway_curl_sink sink) {
    return curl_easy_setopt(handle, option, sink);
}
static inline long hoistway_curl_status(CURL *handle) {
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    return status;
}
/// The user's pointer of the next transfer that has ended, or null; `result` is how it ended.
static inline CURL *hoistway_curl_next_done(CURLM *multi, CURLcode *result) {
    int left = 0;
    CURLMsg *message = curl_multi_info_read(multi, &left);
    if (!message || message->msg != CURLMSG_DONE) return 0;
    *result = message->data.result;
    return message->easy_handle;
}
