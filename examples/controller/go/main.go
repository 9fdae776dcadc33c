// SPDX-License-Identifier: Apache-2.0

// Command controller keeps the policies and registered containers of one host as two files say, and prints the host's
// security events, one as JSON on each line.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	hauberk "example.org/controller/gen/hauberk/v1"
)

const (
	callTimeout = 30 * time.Second
	firstWait   = 100 * time.Millisecond
	longestWait = 10 * time.Second
)

func main() {
	address := flag.String("address", "", "ADDRESS:PORT of hauberkd")
	authority := flag.String("ca", "", "file with the authority of hauberkd's certificate")
	certificate := flag.String("certificate", "", "file with this controller's certificate; its name has a role")
	key := flag.String("key", "", "file with its private key")
	policies := flag.String("policies", "", "file with the policies of the host, as YAML")
	containers := flag.String("containers", "", "file with a SyncContainersRequest, as JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	transport, err := transportCredentials(*authority, *certificate, *key)
	if err != nil {
		log.Fatal(err)
	}
	// Without a sign of life from time to time a host that has vanished would never be missed.
	alive := grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: time.Minute, Timeout: 20 * time.Second})
	connection, err := grpc.NewClient(*address, grpc.WithTransportCredentials(transport), alive)
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	controller := &controller{connection: connection, policies: *policies, containers: *containers}
	if err := controller.run(ctx); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

func transportCredentials(authority, certificate, key string) (credentials.TransportCredentials, error) {
	pem, err := os.ReadFile(authority)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", authority)
	}
	own, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	return credentials.NewTLS(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}}), nil
}

type controller struct {
	connection           grpc.ClientConnInterface
	policies, containers string
	// Where the stream of events stands; nil before the first.
	position *hauberk.Position
	// The longest to wait before the next attempt.
	ceiling time.Duration
}

// run brings the host to what the files say and follows its events, again and again until the context ends or the host
// answers what no retry can mend.
func (c *controller) run(ctx context.Context) error {
	c.ceiling = firstWait
	for {
		err := c.once(ctx)
		wait, passes := c.waitAfter(err)
		if !passes || ctx.Err() != nil {
			return err
		}
		log.Printf("%v; again in %v", err, wait)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (c *controller) once(ctx context.Context) error {
	if err := c.sync(ctx); err != nil {
		return err
	}
	return c.follow(ctx)
}

// sync tells the host all that it is to have. The same request twice changes nothing, so it is sent after every
// interruption, whatever became of the one before.
func (c *controller) sync(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	manifest, err := os.ReadFile(c.policies)
	if err != nil {
		return err
	}
	policies, err := hauberk.NewPolicyServiceClient(c.connection).
		SyncPolicies(ctx, &hauberk.SyncPoliciesRequest{Manifest: string(manifest)})
	if err != nil {
		return err
	}
	text, err := os.ReadFile(c.containers)
	if err != nil {
		return err
	}
	wanted := &hauberk.SyncContainersRequest{}
	if err := protojson.Unmarshal(text, wanted); err != nil {
		return fmt.Errorf("%s: %w", c.containers, err)
	}
	containers, err := hauberk.NewContainerServiceClient(c.connection).SyncContainers(ctx, wanted)
	if err != nil {
		return err
	}
	// An answer names as many changes as have room in it, and counts the others.
	log.Printf("%d policies and %d containers are in force at revision %d",
		uint64(len(policies.Changes))+policies.OmittedChanges,
		uint64(len(containers.Changes))+containers.OmittedChanges, containers.Revision)
	return nil
}

// follow prints events until the stream ends, and remembers where it stands.
func (c *controller) follow(ctx context.Context) error {
	request := &hauberk.StreamEventsRequest{ResumeAfter: c.position}
	stream, err := hauberk.NewEventServiceClient(c.connection).StreamEvents(ctx, request)
	if err != nil {
		return err
	}
	for {
		response, err := stream.Recv()
		if err != nil {
			return err
		}
		c.ceiling = firstWait
		if c.position != nil && c.position.Run != response.Position.Run {
			log.Print("hauberkd was started again: nobody knows how many events came between")
		}
		if response.Missed > 0 {
			log.Printf("%d events were missed", response.Missed)
		}
		for _, event := range response.Events {
			line, err := protojson.Marshal(event)
			if err != nil {
				return err
			}
			fmt.Println(string(line))
		}
		c.position = response.Position
	}
}

// waitAfter says whether an error passes by itself, and how long to wait for that.
func (c *controller) waitAfter(err error) (time.Duration, bool) {
	answer, ok := status.FromError(err)
	if !ok {
		return 0, false
	}
	switch answer.Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted, codes.Internal, codes.Unknown, codes.Canceled:
	case codes.ResourceExhausted:
		// Too many requests pass, and say when; a policy that is too large does not.
		for _, detail := range answer.Details() {
			if retry, ok := detail.(*errdetails.RetryInfo); ok {
				return retry.RetryDelay.AsDuration(), true
			}
		}
		return 0, false
	default:
		return 0, false
	}
	// Anywhere up to the ceiling, so that controllers cut off together do not come back together.
	wait := time.Duration(rand.Int64N(int64(c.ceiling)))
	c.ceiling = min(2*c.ceiling, longestWait)
	return wait, true
}
