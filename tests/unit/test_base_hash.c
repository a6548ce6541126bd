#include "check.h"

#include "base/hash.h"

static void sha256_gives_the_published_digests(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *text = rows[i][0];
        char digest[SHA256_HEX + 1];
        sha256_hex(text, strlen(text), digest);
        assert_string_equal(digest, rows[i][1]);
        for (size_t cut = 0; cut <= strlen(text); cut++) {
            sha256_hex2(text, cut, text + cut, strlen(text) - cut, digest);
            assert_string_equal(digest, rows[i][1]);
        }
    }
}

static void hmac_gives_the_digests_of_rfc_4231(void **state)
{
    (void)state;
    char digest[SHA256_HEX + 1], key[131];
    memset(key, 0x0b, 20);
    hmac_sha256_hex(key, 20, "Hi There", 8, digest);
    assert_string_equal(digest, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    hmac_sha256_hex("Jefe", 4, "what do ya want for nothing?", 28, digest);
    assert_string_equal(digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, 131);
    hmac_sha256_hex(key, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 54, digest);
    assert_string_equal(digest, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    hmac_sha256_hex("", 0, "", 0, digest);
    assert_string_equal(digest, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void base64_follows_rfc_4648(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *plain, *url;
    } rows[] = {
        {"", 0, "", ""},
        {"f", 1, "Zg==", "Zg"},
        {"fo", 2, "Zm8=", "Zm8"},
        {"foo", 3, "Zm9v", "Zm9v"},
        {"foob", 4, "Zm9vYg==", "Zm9vYg"},
        {"fooba", 5, "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", 6, "Zm9vYmFy", "Zm9vYmFy"},
        {"\xFB\xFF\x00\xFE", 4, "+/8A/g==", "-_8A_g"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        for (int url = 0; url < 2; url++) {
            const char *expected = url ? rows[i].url : rows[i].plain;
            char *text = base64_encode(rows[i].bytes, rows[i].n, url);
            assert_string_equal(text, expected);
            size_t n;
            uint8_t *back = base64_decode(text, strlen(text), url, &n);
            assert_non_null(back);
            assert_int_equal(n, rows[i].n);
            assert_memory_equal(back, rows[i].bytes, n);
            free(back);
            free(text);
        }
    }
}

static void malformed_base64_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool url;
    } rows[] = {
        {"Zg", false},
        {"Zg=", false},
        {"Z===", false},
        {"====", false},
        {"Zg==Zg==", false},
        {"Zm9v\n", false},
        {"Zm 9", false},
        {"Zh==", false},
        {"-_8A", false},
        {"Zm9vYg==", true},
        {"Z", true},
        {"+/8A", true},
        {"Zh", true},
        {"Zm9=", false},
        {"Z=9v", false},
        {"Zm9v\xFF"
         "AAA",
         false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        size_t n = 9;
        uint8_t *out = base64_decode(rows[i].text, strlen(rows[i].text), rows[i].url, &n);
        if (out != NULL)
            fail_msg("%s", rows[i].text);
        assert_int_equal(n, 0);
    }
}

static void equal_bytes_are_told_from_others(void **state)
{
    (void)state;
    assert_true(bytes_equal("abcd", "abcd", 4));
    assert_false(bytes_equal("abcd", "abce", 4));
    assert_true(bytes_equal("abcd", "abce", 3));
    assert_true(bytes_equal("", "x", 0));
}

static void random_bytes_differ(void **state)
{
    (void)state;
    uint8_t a[32] = {0}, b[32] = {0}, zero[32] = {0};
    random_bytes(a, sizeof a);
    random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a, zero, sizeof a);
}

/* RFC 8032, 7.1, test 3. */
static void ed25519_signs_as_in_rfc_8032(void **state)
{
    (void)state;
    static const uint8_t seed[] = {0xc5, 0xaa, 0x8d, 0xf4, 0x3f, 0x9f, 0x83, 0x7b, 0xed, 0xb7, 0x44,
                                   0x2f, 0x31, 0xdc, 0xb7, 0xb1, 0x66, 0xd3, 0x85, 0x35, 0x07, 0x6f,
                                   0x09, 0x4b, 0x85, 0xce, 0x3a, 0x2e, 0x0b, 0x44, 0x58, 0xf7};
    static const uint8_t begin_of_public[] = {0xfc, 0x51, 0xcd, 0x8e, 0x62, 0x18, 0xa1, 0xa3};
    static const uint8_t begin_of_signature[] = {0x62, 0x91, 0xd6, 0x57, 0xde, 0xec, 0x24, 0x02};
    uint8_t message[] = {0xaf, 0x82}, public[ED25519_PUBLIC], signature[ED25519_SIGNATURE];
    ed25519_public(seed, public);
    assert_memory_equal(public, begin_of_public, sizeof begin_of_public);
    ed25519_sign(seed, message, sizeof message, signature);
    assert_memory_equal(signature, begin_of_signature, sizeof begin_of_signature);
    assert_true(ed25519_verify(public, message, sizeof message, signature));
    message[0] ^= 1;
    assert_false(ed25519_verify(public, message, sizeof message, signature));
    message[0] ^= 1;
    signature[63] ^= 1;
    assert_false(ed25519_verify(public, message, sizeof message, signature));
    signature[63] ^= 1;
    public[0] ^= 1;
    assert_false(ed25519_verify(public, message, sizeof message, signature));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_digests),
        cmocka_unit_test(hmac_gives_the_digests_of_rfc_4231),
        cmocka_unit_test(base64_follows_rfc_4648),
        cmocka_unit_test(malformed_base64_is_refused),
        cmocka_unit_test(equal_bytes_are_told_from_others),
        cmocka_unit_test(random_bytes_differ),
        cmocka_unit_test(ed25519_signs_as_in_rfc_8032),
    };
    return cmocka_run_group_tests_name("base/hash", tests, NULL, NULL);
}
