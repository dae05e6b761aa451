/* Tests of the s3 service: wire bytes in, wire bytes out. */
int main(void)
{
    return 0;
}
