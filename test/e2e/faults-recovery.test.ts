import { describeFaults } from '../parts/faults.ts';

describeFaults('reconnect');
describeFaults('session');
