// SPDX-License-Identifier: Apache-2.0
/* An empty program, to time exec(2). */
int main(void)
{
	return 0;
}
