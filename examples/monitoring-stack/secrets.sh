#!/bin/sh
# Writes .env with a fresh secret for each place of compose.yaml that needs one.
set -eu
cd "$(dirname "$0")"
if [ -e .env ]; then
    echo "secrets.sh: .env is there already; remove it first, and the volumes with: docker compose down --volumes" >&2
    exit 1
fi
secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
umask 077
{
    echo "GRAFANA_ADMIN_PASSWORD=$(secret)"
    for tenant in LOCAL RECIPE_25 RECIPE_31 RECIPE_42; do
        echo "OTLP_TOKEN_$tenant=$(secret)"
    done
    key=$(secret)
    echo "VAULT_KEY=$key"
    echo "VAULT_KEYS=\"demo member $key\""
    key=$(secret)
    echo "VAULT_PEER_KEY=$key"
    echo "VAULT_PEER_KEYS=\"vault peer $key\""
    key=$(secret)
    echo "PLATFORM_KEY=$key"
    echo "PLATFORM_KEYS=\"demo member $key\""
    echo "PLATFORM_BILLING_SECRET=$(secret)"
} > .env
echo "wrote .env; Grafana's password for admin is in it"
